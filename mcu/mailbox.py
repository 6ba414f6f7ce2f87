"""The only places where threads meet: bounded mailboxes that never make the writer wait.

``Latest`` keeps one value and overwrites it (pictures); ``Ring`` keeps the newest N and drops the oldest (sound,
packets). Each counts what it drops. Every method may be called from any thread; the blocking ``wait`` methods must
not be called on an event loop.
"""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """Counts since the mailbox was made."""

    put: int
    dropped: int
    waiting: int


class Latest(Generic[T]):
    """One slot. ``put`` overwrites, ``take`` empties, ``peek`` leaves the value there."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._value: T | None = None
        self._put = 0
        self._dropped = 0
        self._closed = False

    def put(self, value: T) -> T | None:
        """Keeps the value; hands back the one nobody will see: the overwritten one, ``value`` itself once closed, or
        None. Whoever puts something that must be given back, gives that back.
        """
        with self._ready:
            if self._closed:
                return value
            self._put += 1
            lost = self._value
            if lost is not None:
                self._dropped += 1
            self._value = value
            self._ready.notify()
            return lost

    def take(self) -> T | None:
        """The newest value, once; None when nothing came since the last ``take``."""
        with self._ready:
            value, self._value = self._value, None
            return value

    def peek(self) -> T | None:
        return self._value

    def wait(self, timeout_s: float) -> T | None:
        """Like ``take``, but waits for a value; None after the timeout or once closed."""
        with self._ready:
            self._ready.wait_for(lambda: self._value is not None or self._closed, timeout_s)
            value, self._value = self._value, None
            return value

    def close(self) -> None:
        """Wakes every waiter; later values are ignored. Idempotent."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def statistics(self) -> MailboxStatistics:
        with self._ready:
            return MailboxStatistics(self._put, self._dropped, int(self._value is not None))


class Ring(Generic[T]):
    """A queue of at most ``size`` values. When full, the oldest is dropped and counted."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"a ring needs room for at least one value, not {size}")
        # A packet of each person comes through here every tick: the plain lock, and no waking where nobody sleeps.
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._sleepers = 0
        self._values: deque[T] = deque(maxlen=size)
        self._size = size
        self._put = 0
        self._dropped = 0
        self._closed = False

    def put(self, value: T) -> bool:
        """Adds a value; False when the oldest one had to go for it, or when the ring is closed."""
        with self._lock:
            if self._closed:
                return False
            self._put += 1
            full = len(self._values) == self._size
            self._dropped += full
            self._values.append(value)
            if self._sleepers:
                self._ready.notify()
            return not full

    def take(self) -> T | None:
        """The oldest value, or None."""
        with self._ready:
            return self._values.popleft() if self._values else None

    def take_all(self) -> list[T]:
        if not self._values:
            return []
        with self._lock:
            values = list(self._values)
            self._values.clear()
            return values

    def wait(self, timeout_s: float) -> T | None:
        """Like ``take``, but waits for a value. What was put before ``close`` is still handed out after it."""
        with self._lock:
            self._sleepers += 1
            try:
                self._ready.wait_for(lambda: bool(self._values) or self._closed, timeout_s)
            finally:
                self._sleepers -= 1
            return self._values.popleft() if self._values else None

    def clear(self) -> int:
        """Drops everything, counted; the number dropped."""
        with self._ready:
            dropped = len(self._values)
            self._dropped += dropped
            self._values.clear()
            return dropped

    def close(self) -> None:
        """Wakes every waiter; later values are ignored. Idempotent."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    def __len__(self) -> int:
        return len(self._values)

    @property
    def statistics(self) -> MailboxStatistics:
        with self._ready:
            return MailboxStatistics(self._put, self._dropped, len(self._values))

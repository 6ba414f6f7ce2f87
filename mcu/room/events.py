"""How a room's news reaches those who listen: every subscriber has a bounded queue of its own."""

import asyncio
from collections.abc import AsyncIterator

from mcu.protocol.events import Event, RoomClosed

BACKLOG = 256
"""A subscriber that is this far behind is ended: its client reconnects and gets the whole picture again."""


class Subscription:
    """An iterator over events from its creation on. Used on the room's event loop."""

    def __init__(self, owner: "Events", participant: str | None) -> None:
        self.participant = participant
        self._owner = owner
        self._queue: asyncio.Queue[Event] = asyncio.Queue(BACKLOG)
        self._ended = False
        self._wake = asyncio.Event()

    def offer(self, event: Event) -> None:
        if self._ended:
            return
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._owner.overflows += 1
            self.close()
            return
        self._wake.set()
        if isinstance(event, RoomClosed):
            self.close()

    def close(self) -> None:
        """Ends the iterator after what is queued. Idempotent."""
        self._ended = True
        self._owner.discard(self)
        self._wake.set()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while self._queue.empty():
            if self._ended:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._queue.get_nowait()

    async def aclose(self) -> None:
        self.close()


class Events:
    """Fans events out. Never waits for a reader."""

    def __init__(self) -> None:
        self._subscriptions: tuple[Subscription, ...] = ()
        self.overflows = 0

    def subscribe(self, participant: str | None) -> Subscription:
        subscription = Subscription(self, participant)
        self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def discard(self, subscription: Subscription) -> None:
        self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)

    def close(self) -> None:
        """Ends every subscription after what is queued; others may follow."""
        for subscription in self._subscriptions:
            subscription.close()

    def emit(self, event: Event) -> None:
        for subscription in self._subscriptions:
            if event.to is None or subscription.participant in (None, event.to):
                subscription.offer(event)

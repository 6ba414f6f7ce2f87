"""Which peers there are, and what waits for those who are not there yet."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from api.signaling.peerjs.messages import Message, packed

EXPIRE_AFTER_S = 5.0
"""For so long a message waits for a peer that isn't there: it may be coming back."""

MAX_WAITING = 64
"""Messages that wait for one peer."""

MAX_ABSENT = 1000
"""Peers that messages wait for."""


class Post(Protocol):
    """Where a peer's messages go to."""

    @property
    def token(self) -> str: ...

    def deliver(self, text: str) -> None:
        """Never raises; who doesn't read what it is sent is closed."""

    def replaced(self) -> None:
        """The same peer has come on another connection."""


Address = tuple[str | None, str]
"""The room that a token is for (None: every one), and the peer's id: who may not meet there may not call either."""


@dataclass(slots=True)
class _Absent:
    timer: asyncio.TimerHandle
    waiting: deque[tuple[str, Message]] = field(default_factory=deque)


class Realm:
    """One per server, on the event loop."""

    def __init__(self) -> None:
        self._peers: dict[Address, Post] = {}
        self._absent: dict[Address, _Absent] = {}

    def enter(self, address: Address, post: Post) -> bool:
        """False: somebody else has that id. The same peer, known by its token, takes its own place over."""
        before = self._peers.get(address)
        if before is not None and before.token != post.token:
            return False
        self._peers[address] = post
        if before is not None:
            before.replaced()
        return True

    def deliver_waiting(self, address: Address) -> None:
        """What came for this peer before it did."""
        absent = self._absent.pop(address, None)
        if absent is not None:
            absent.timer.cancel()
            for sender, message in absent.waiting:
                self._deliver(self._peers[address], sender, message)

    def post(self, address: Address) -> Post | None:
        """Where this peer is now."""
        return self._peers.get(address)

    def leave(self, address: Address, post: Post) -> None:
        """Idempotent; a connection that was replaced takes nobody away."""
        if self._peers.get(address) is post:
            del self._peers[address]

    def send(self, scope: str | None, sender: str, message: Message) -> None:
        """Hands a message on, or keeps it for a while."""
        assert message.dst is not None, "heartbeats go nowhere"
        address = (scope, message.dst)
        post = self._peers.get(address)
        if post is not None:
            self._deliver(post, sender, message)
        elif message.type not in ("LEAVE", "EXPIRE"):
            self._keep(address, sender, message)

    def close(self) -> None:
        """Idempotent."""
        for absent in self._absent.values():
            absent.timer.cancel()
        self._absent.clear()

    def _deliver(self, post: Post, sender: str, message: Message) -> None:
        post.deliver(packed(message.type, src=sender, dst=message.dst, payload=message.payload))

    def _keep(self, address: Address, sender: str, message: Message) -> None:
        absent = self._absent.get(address)
        if absent is None and len(self._absent) < MAX_ABSENT:
            timer = asyncio.get_running_loop().call_later(EXPIRE_AFTER_S, self._expire, address)
            absent = self._absent[address] = _Absent(timer)
        if absent is None or len(absent.waiting) >= MAX_WAITING:
            self._tell_expired(address, sender)
        else:
            absent.waiting.append((sender, message))

    def _expire(self, address: Address) -> None:
        absent = self._absent.pop(address)
        for sender in dict.fromkeys(sender for sender, _ in absent.waiting):
            self._tell_expired(address, sender)

    def _tell_expired(self, address: Address, sender: str) -> None:
        scope, target = address
        post = self._peers.get((scope, sender))
        if post is not None:
            post.deliver(packed("EXPIRE", src=target, dst=sender))

"""A bad network in user space: a relay for UDP that loses datagrams and delays each by a little.

Whoever wants to send through it sends to it, and what it forwards comes from a socket of its own: to both ends it looks
like a NAT. The same seed gives the same losses; what else the machine does is not in its hands.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

LOOPBACK: Final = "127.0.0.1"
MAX_WAITING: Final = 4096
"""Datagrams on their way in one direction; what comes on top is lost."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does to each datagram: it is lost with probability ``loss``, and else delayed by ``delay_ms``
    and up to ``jitter_ms`` more, which may change the order.
    """

    loss: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0


@dataclass(slots=True)
class LinkStatistics:
    """Datagrams in both directions. ``dropped``: too many were on their way."""

    carried: int = 0
    lost: int = 0
    dropped: int = 0


class Link:
    """Between one participant and a server, both ways. Made by ``linked``; the event loop's alone."""

    def __init__(self, weather: Weather, seed: int) -> None:
        self.weather = weather
        self.statistics = LinkStatistics()
        self._random = random.Random(seed)
        self._server: Address | None = None
        self._client: Address | None = None
        self._waiting = 0
        self._near: asyncio.DatagramTransport | None = None
        self._far: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._near, _ = await loop.create_datagram_endpoint(lambda: _End(self, "near"), (LOOPBACK, 0))
        self._far, _ = await loop.create_datagram_endpoint(lambda: _End(self, "far"), (LOOPBACK, 0))

    def reroute(self, server: Address) -> Address:
        """Where to send what is meant for ``server``."""
        self._server = server
        assert self._near is not None, "an open link has both its ends"
        host, port = self._near.get_extra_info("sockname")[:2]
        return str(host), int(port)

    def arrived(self, end: str, data: bytes, address: Address) -> None:
        """A datagram from the participant (``near``) or from the server (``far``)."""
        if end == "near":
            self._client = address
            out, to = self._far, self._server
        else:
            out, to = self._near, self._client
        if out is None or to is None:
            return
        if self._random.random() < self.weather.loss:
            self.statistics.lost += 1
        elif self._waiting >= MAX_WAITING:
            self.statistics.dropped += 1
        else:
            self._waiting += 1
            delay_ms = self.weather.delay_ms + self._random.uniform(0, self.weather.jitter_ms)
            asyncio.get_running_loop().call_later(delay_ms / 1000, self._forward, out, data, to)

    def _forward(self, out: asyncio.DatagramTransport, data: bytes, to: Address) -> None:
        self._waiting -= 1
        if not out.is_closing():
            self.statistics.carried += 1
            out.sendto(data, to)

    def close(self) -> None:
        """Loses what is still on its way. Idempotent."""
        for transport in (self._near, self._far):
            if transport is not None:
                transport.close()


class _End(asyncio.DatagramProtocol):
    def __init__(self, link: Link, end: str) -> None:
        self._link = link
        self._end = end

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._link.arrived(self._end, data, addr)


@contextlib.asynccontextmanager
async def linked(weather: Weather, seed: int = 1) -> AsyncIterator[Link]:
    """An open link, closed at the end."""
    link = Link(weather, seed)
    try:
        await link.open()
        yield link
    finally:
        link.close()

"""A bad network in arithmetic: packets go in with the time they were sent, and come out with the time they arrive.

No clock and no socket, so an hour of it takes a moment. The same seed gives the same network.
"""

import heapq
import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from mcu.clock import NS_PER_MS, NS_PER_S

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Blackout:
    """Nothing gets through from ``start_ms`` to ``end_ms`` after the first packet. ``held``: the packets wait and come
    in one burst at the end; otherwise they are lost.
    """

    start_ms: float
    end_ms: float
    held: bool = False


@dataclass(frozen=True, slots=True)
class Weather:
    """What a link does to packets.

    ``jitter_ms`` is added uniformly on top of ``delay_ms``; packets keep their order unless ``reordering``. ``loss`` is
    the mean fraction lost; with ``burst_ms`` it comes in bursts of that mean length (Gilbert and Elliott's model).
    ``drift_ppm`` above 0: the sender's clock is slow, its packets are sent ever later. ``jitter_until_ms`` ends
    the jitter.
    """

    delay_ms: float = 20.0
    jitter_ms: float = 0.0
    jitter_until_ms: float | None = None
    reordering: bool = False
    loss: float = 0.0
    burst_ms: float = 0.0
    duplicates: float = 0.0
    drift_ppm: float = 0.0
    blackouts: tuple[Blackout, ...] = ()


@dataclass(slots=True)
class LinkStatistics:
    sent: int = 0
    lost: int = 0


class Link(Generic[T]):
    """One direction of a network. Keep at most one ``carry`` going."""

    def __init__(self, weather: Weather, seed: int = 1) -> None:
        self._weather = weather
        self._random = random.Random(seed)
        self._in_burst = False
        self._latest_ns = 0
        self.statistics = LinkStatistics()

    def carry(self, sends: Iterable[tuple[int, T]]) -> Iterator[tuple[int, T]]:
        """``(send_time_ns, packet)`` in sending order becomes ``(arrival_ns, packet)`` in order of arrival."""
        waiting: list[tuple[int, int, T]] = []
        start_ns: int | None = None
        last_ns = 0
        ranks = itertools.count()
        for send_ns, packet in sends:
            start_ns = send_ns if start_ns is None else start_ns
            left_ns = send_ns + round((send_ns - start_ns) * self._weather.drift_ppm / 1e6)
            while waiting and waiting[0][0] <= left_ns:
                arrival_ns, _, arrived = heapq.heappop(waiting)
                yield arrival_ns, arrived
            self.statistics.sent += 1
            arrival = self._arrival(left_ns, (left_ns - start_ns) / NS_PER_MS, left_ns - last_ns)
            last_ns = left_ns
            if arrival is None:
                self.statistics.lost += 1
                continue
            for _ in range(1 + (self._random.random() < self._weather.duplicates)):
                heapq.heappush(waiting, (arrival, next(ranks), packet))
        while waiting:
            arrival_ns, _, arrived = heapq.heappop(waiting)
            yield arrival_ns, arrived

    def _arrival(self, left_ns: int, at_ms: float, since_last_ns: int) -> int | None:
        weather = self._weather
        if self._loses(since_last_ns):
            return None
        jitters = weather.jitter_until_ms is None or at_ms < weather.jitter_until_ms
        jitter_ms = self._random.uniform(0, weather.jitter_ms) if jitters else 0.0
        arrival_ns = left_ns + round((weather.delay_ms + jitter_ms) * NS_PER_MS)
        for blackout in weather.blackouts:
            if blackout.start_ms <= at_ms < blackout.end_ms:
                if not blackout.held:
                    return None
                arrival_ns += round((blackout.end_ms - at_ms) * NS_PER_MS)
        if not weather.reordering:
            arrival_ns = self._latest_ns = max(arrival_ns, self._latest_ns)
        return arrival_ns

    def _loses(self, since_last_ns: int) -> bool:
        weather = self._weather
        if not weather.loss:
            return False
        if not weather.burst_ms:
            return self._random.random() < weather.loss
        step = min(1.0, since_last_ns / (weather.burst_ms * NS_PER_MS))
        leave = step
        enter = step * weather.loss / max(1e-9, 1.0 - weather.loss)
        self._in_burst = self._random.random() >= leave if self._in_burst else self._random.random() < enter
        return self._in_burst


def media_times(count: int, interval_ms: float, start_ns: int = NS_PER_S) -> Iterator[int]:
    """``count`` sending times, ``interval_ms`` apart."""
    return (start_ns + round(n * interval_ms * NS_PER_MS) for n in range(count))

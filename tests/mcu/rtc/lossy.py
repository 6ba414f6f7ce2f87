"""A sender of pictures, a bad network both ways and an assembler behind it, in media time: a minute takes a moment."""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import ReceivedFrame
from mcu.rtc.jitter import FrameAssembler
from mcu.rtc.packetise import split
from tests.mcu.rtc.packets import make_frame

POLL_NS = 20 * NS_PER_MS
FRAME_NS = 40 * NS_PER_MS


@dataclass(frozen=True, slots=True)
class Way:
    """What both directions do to each datagram; jitter changes the order."""

    loss: float = 0.05
    delay_ms: float = 20.0
    jitter_ms: float = 30.0


@dataclass(slots=True)
class Shown:
    """When frames left the assembler, and what it took."""

    times_ns: list[int] = field(default_factory=list)
    sent: int = 0
    repairs: int = 0
    keyframes: int = 0
    asked: int = 0
    given_up: int = 0

    @property
    def longest_ms(self) -> float:
        return max(after - before for before, after in itertools.pairwise(self.times_ns)) / NS_PER_MS


class Meeting:
    """25 frames a second through ``way``; key frames at least half a second apart, as a hub makes them."""

    def __init__(
        self,
        way: Way,
        seed: int,
        packets: int,
        keyframe_packets: int,
        on_frame: Callable[[ReceivedFrame], None] = lambda _: None,
    ) -> None:
        self._way, self._random = way, random.Random(seed)
        self._sizes = (packets, keyframe_packets)
        self._throttle_ns = 500 * NS_PER_MS
        self._events: list[tuple[int, int, Callable[[int], None]]] = []
        self._ranks = itertools.count()
        self._history: dict[int, tuple[int, bool, bytes]] = {}
        self._next, self._wanted, self._keyframe_ns = 100, True, -NS_PER_S
        self._on_frame = on_frame
        self.shown = Shown()
        self.assembler = FrameAssembler(7, self._show)

    def _show(self, frame: ReceivedFrame) -> None:
        self.shown.times_ns.append(frame.arrived_ns)
        self._on_frame(frame)

    def _at(self, time_ns: int, what: Callable[[int], None]) -> None:
        heapq.heappush(self._events, (time_ns, next(self._ranks), what))

    def _travel(self, now_ns: int, what: Callable[[int], None]) -> None:
        if self._random.random() >= self._way.loss:
            delay_ms = self._way.delay_ms + self._random.uniform(0, self._way.jitter_ms)
            self._at(now_ns + round(delay_ms * NS_PER_MS), what)

    def _frame(self, number: int, now_ns: int) -> None:
        keyframe = self._wanted and now_ns - self._keyframe_ns >= self._throttle_ns
        if keyframe:
            self._wanted, self._keyframe_ns = False, now_ns
            self.shown.keyframes += 1
        size = 1 + 1100 * (self._sizes[keyframe] - 1)
        head = make_frame("VP8", number, keyframe=keyframe, size=16).data[:16]
        payloads = split("VP8", head + bytes(size), number & 0x7FFF)
        for index, payload in enumerate(payloads):
            self._history[self._next] = (number * 3600, index == len(payloads) - 1, bytes(payload))
            self._send(self._next, now_ns)
            self._next += 1

    def _send(self, sequence: int, now_ns: int) -> None:
        self.shown.sent += 1
        timestamp, marker, payload = self._history[sequence]

        def arrive(at_ns: int) -> None:
            self.assembler.feed(sequence, timestamp, marker, "VP8", payload, at_ns)
            self._poll(at_ns)

        self._travel(now_ns, arrive)

    def _poll(self, now_ns: int) -> None:
        nacks, keyframe = self.assembler.poll(now_ns)
        if not nacks and not keyframe:
            return
        self.shown.asked += keyframe

        def told(at_ns: int) -> None:
            self._wanted |= keyframe
            for number in nacks:
                self.shown.repairs += 1
                self._send(number, at_ns)

        self._travel(now_ns, told)

    def run(self, seconds: int) -> Shown:
        for number in range(seconds * 25):
            self._at(NS_PER_S + number * FRAME_NS, partial(self._frame, number))
        for tick in range(seconds * 50):
            self._at(NS_PER_S + tick * POLL_NS + 7 * NS_PER_MS, self._poll)
        while self._events:
            now_ns, _, what = heapq.heappop(self._events)
            what(now_ns)
        self.shown.given_up = self.assembler.statistics.holes_given_up
        return self.shown

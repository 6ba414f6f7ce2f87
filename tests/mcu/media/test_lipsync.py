"""Lips and voice meet, over an hour, with every clock off and both streams delayed differently.

The packets tell which sample is which, so what is heard at a tick is known without guessing; pictures are only times.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from mcu.clock import NS_PER_MS, NS_PER_S, ntp_from_wall
from mcu.frames import AudioPacket, ReceivedFrame, SenderReport
from mcu.media.decoding import DecodedPicture
from mcu.media.lipsync import LipSync
from mcu.media.opus import OpusDecoder, Samples
from mcu.media.playout import Playout
from mixer.picture import Picture
from mixer.timeline import SenderClock, Timeline
from tests.kit.clock import WALL_START_NS
from tests.kit.network import Link, Weather

START_NS = NS_PER_S
FPS = 25
SOUND, CAMERA = 1, 2
NUMBERS = 30_000
A_PICTURE = Picture(*(np.zeros((side, side), np.uint8) for side in (2, 1, 1)))


class NumberingDecoder(OpusDecoder):
    """Decodes a packet to the number in it, 960 times."""

    def decode(self, payload: bytes) -> Samples:
        return np.full(960, int.from_bytes(payload[1:3]), np.int16)

    def conceal(self, samples: int) -> Samples:
        return np.zeros(samples, np.int16)


@dataclass(frozen=True)
class Sender:
    """A person. The parts per million say how fast their microphone's, camera's and wall clock run."""

    microphone_ppm: float
    camera_ppm: float
    wall_ppm: float

    def sounds(self, end_ns: int) -> Iterator[tuple[int, AudioPacket]]:
        """A packet leaves when its last sample has been taken."""
        ticks = 20e6 / (1 + self.microphone_ppm / 1e6)
        for n in range(round((end_ns - START_NS) / ticks)):
            sent_ns = START_NS + round((n + 1) * ticks)
            number = 1 + n % NUMBERS
            yield (
                sent_ns,
                AudioPacket(b"\xf8" + number.to_bytes(2), n % 2**16, (7_000 + n * 960) % 2**32, SOUND, 0),
            )

    def captured_ns(self, number: int, near_ns: int) -> int:
        """When the first sample of the packet ``number`` was taken; of those, the one nearest to a time."""
        tick_ns = 20e6 / (1 + self.microphone_ppm / 1e6)
        n = round((near_ns - START_NS) / tick_ns)
        n += (number - 1 - n + NUMBERS // 2) % NUMBERS - NUMBERS // 2
        return START_NS + round(n * tick_ns)

    def pictures(self, end_ns: int) -> Iterator[tuple[int, tuple[int, int]]]:
        """``(captured_ns, rtp)``; the camera's and the encoder's delay is the network's business here."""
        frame_ns = NS_PER_S / FPS / (1 + self.camera_ppm / 1e6)
        for n in range(round((end_ns - START_NS) / frame_ns)):
            captured_ns = START_NS + round(n * frame_ns)
            yield captured_ns, (captured_ns, (99_000 + n * 90_000 // FPS) % 2**32)

    def report(self, stream: int, at_ns: int, arrived_ns: int) -> SenderReport:
        """What a sender report of this moment says."""
        since_ns = at_ns - START_NS
        wall_ns = WALL_START_NS + round(since_ns * (1 + self.wall_ppm / 1e6))
        hz, ppm, origin = (48_000, self.microphone_ppm, 7_000) if stream == SOUND else (90_000, self.camera_ppm, 99_000)
        rtp = origin + round(since_ns * (1 + ppm / 1e6) * hz / NS_PER_S)
        return SenderReport(stream, ntp_from_wall(wall_ns), rtp % 2**32, arrived_ns)


class Receiver:
    """The server's side: a tick at a time, and beside it what the truth was."""

    def __init__(self, sender: Sender) -> None:
        clock = SenderClock()
        self._sender = sender
        self.playout = Playout(clock, decoder=NumberingDecoder())
        self.lipsync = LipSync(clock, self.playout)
        self._pictures: deque[tuple[int, DecodedPicture]] = deque(maxlen=FPS)
        self._late_ns: int | None = None
        """How long after its capture sound is heard now; the truth."""
        self.apart_ms: list[float] = []
        """How far a picture's due time is from when its sound was heard."""
        self.shown_ms: list[float] = []
        """The same for the canvas tick that shows it: what viewers and recordings get."""
        self._shown: int | None = None

    def sound(self, packet: AudioPacket, arrived_ns: int) -> None:
        self.playout.push(
            AudioPacket(packet.payload, packet.sequence_number, packet.rtp_timestamp, packet.ssrc, arrived_ns)
        )

    def picture(self, captured_ns: int, rtp: int, arrived_ns: int) -> None:
        self.lipsync.arrived(ReceivedFrame("VP8", b"x", False, rtp, CAMERA, arrived_ns))
        self._pictures.append((captured_ns, DecodedPicture(A_PICTURE, 1, rtp, arrived_ns, arrived_ns)))

    def report(self, stream: int, at_ns: int, arrived_ns: int) -> None:
        report = self._sender.report(stream, at_ns, arrived_ns)
        (self.playout.sender_report if stream == SOUND else self.lipsync.reported)(report)

    def tick(self, n: int, now_ns: int) -> None:
        self._sound_tick(now_ns)
        if n % 2 == 0:
            self._canvas_tick(now_ns)

    def _sound_tick(self, now_ns: int) -> None:
        chunk = self.playout.pull(now_ns)
        if chunk is None:
            return
        (steps,) = np.nonzero(np.diff(chunk))
        if steps.size == 1 and chunk[-1] - chunk[0] == 1:
            begins = int(steps[0]) + 1
            heard_ns = now_ns + begins * NS_PER_S // 48_000
            self._late_ns = heard_ns - self._sender.captured_ns(int(chunk[-1]), now_ns - 60 * NS_PER_MS)

    def _canvas_tick(self, now_ns: int) -> None:
        """Shows the newest picture that is due within half an interval, as the room's selection does."""
        horizon_ns = now_ns + NS_PER_S // FPS // 2
        due = [(one, at) for one in self._pictures if (at := self.lipsync.due_ns(one[1])) <= horizon_ns]
        if not due or self._late_ns is None:
            return
        (captured_ns, _), due_ns = due[-1]
        if captured_ns != self._shown:
            self._shown = captured_ns
            heard_ns = captured_ns + self._late_ns
            self.apart_ms.append((due_ns - heard_ns) / NS_PER_MS)
            self.shown_ms.append((now_ns - heard_ns) / NS_PER_MS)


def meet(sender: Sender, minutes: float, sound: Weather, camera: Weather) -> Receiver:
    end_ns = START_NS + round(minutes * 60 * NS_PER_S)
    receiver, timeline = Receiver(sender), Timeline(START_NS + 7 * NS_PER_MS, FPS)
    events: list[Iterator[tuple[int, int, Callable[[int], None]]]] = [
        (
            (at_ns, 0, partial(receiver.sound, packet))
            for at_ns, packet in Link[AudioPacket](sound, 1).carry(sender.sounds(end_ns))
        ),
        (
            (at_ns, 1, partial(receiver.picture, *one))
            for at_ns, one in Link[tuple[int, int]](camera, 2).carry(sender.pictures(end_ns))
        ),
        (
            (at_ns + 20 * NS_PER_MS + at_ns // 977 % (15 * NS_PER_MS), 2, partial(receiver.report, stream, at_ns))
            for at_ns in range(START_NS + NS_PER_S // 2, end_ns, 5 * NS_PER_S)
            for stream in (SOUND, CAMERA)
        ),
        ((timeline.sound_tick_ns(n), 3, partial(receiver.tick, n)) for n in range(round(minutes * 3_000))),
    ]
    for now_ns, _, happen in heapq.merge(*events, key=lambda event: event[:2]):
        happen(now_ns)
    return receiver


SENDER = Sender(microphone_ppm=100, camera_ppm=0, wall_ppm=-50)


def lips_meet(receiver: Receiver, pictures: int) -> None:
    settled, shown = np.abs(receiver.apart_ms[FPS * 10 :]), np.abs(receiver.shown_ms[FPS * 10 :])
    assert len(settled) > 0.9 * pictures - FPS * 10
    assert np.percentile(settled, 99) <= 3.0
    assert settled.max() <= 20.0
    # A canvas of 25 pictures a second is up to half an interval, 20 ms, off by itself.
    assert np.percentile(shown, 90) <= 20.0
    assert np.percentile(shown, 99) <= 21.0


@pytest.mark.parametrize(
    ("sound", "camera"),
    [
        (Weather(), Weather(delay_ms=20)),
        (Weather(jitter_ms=10), Weather(delay_ms=60, jitter_ms=20)),
        (Weather(jitter_ms=60, loss=0.02, reordering=True), Weather(delay_ms=25)),
    ],
    ids=["clean", "late camera", "jittery sound"],
)
def test_lips_and_voice_meet(sound: Weather, camera: Weather) -> None:
    lips_meet(meet(SENDER, 3, sound, camera), 3 * 60 * FPS)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("sender", [SENDER, Sender(-50, 50, 0)], ids=["microphone fast", "both off"])
def test_lips_and_voice_meet_for_an_hour(sender: Sender) -> None:
    receiver = meet(sender, 60, Weather(jitter_ms=20, loss=0.01), Weather(delay_ms=40, jitter_ms=20))
    lips_meet(receiver, 60 * 60 * FPS)
    late = receiver.apart_ms[-FPS * 60 :]
    assert abs(float(np.mean(late))) <= 5.0, "nor do they part slowly"
    assert receiver.playout.statistics.resets == 0

"""What of somebody's pictures is seen in the composite when packets get lost and are sent again, in media time."""

from dataclasses import dataclass

import numpy as np
import pytest

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import ReceivedFrame
from mcu.media.decoding import RECENT_PICTURES, DecodedPicture
from mcu.media.holding import FEWEST, MAX_ALONE_NS, MAX_BEHIND_VOICE_NS, Holding
from mcu.media.lipsync import LipSync
from mcu.media.playout import Playout
from mixer.picture import Picture
from mixer.timeline import SenderClock
from tests.mcu.rtc.lossy import FRAME_NS, Meeting, Way

SECONDS = 40
SETTLING = 12 * 25
A_PICTURE = Picture(*(np.zeros((side, side), np.uint8) for side in (2, 1, 1)))


class Voice(Playout):
    """Heard so long after its capture; None: nothing is heard."""

    def __init__(self, latency_ms: int | None) -> None:
        super().__init__()
        self._latency_ns = None if latency_ms is None else latency_ms * NS_PER_MS

    @property
    def latency_ns(self) -> int | None:
        return self._latency_ns


@dataclass
class Seen:
    """Which of the pictures were shown, by number, and for how long each was after its capture (in media time)."""

    numbers: list[int]
    waits_ms: list[float]


def watched(way: Way, seed: int, latency_ms: int | None, packets: int = 1) -> Seen:
    """The newest picture that is due within half an interval, at every tick of 40 ms, as a room's selection does."""
    arrivals: list[ReceivedFrame] = []
    Meeting(way, seed, packets, 3 * packets, arrivals.append).run(SECONDS)
    lipsync, recent, seen = LipSync(SenderClock(), Voice(latency_ms)), list[DecodedPicture](), Seen([], [])
    coming = iter(arrivals)
    frame = next(coming, None)
    for tick in range(SECONDS * 25):
        now_ns = NS_PER_S + tick * FRAME_NS + 11 * NS_PER_MS
        while frame is not None and frame.arrived_ns <= now_ns:
            lipsync.arrived(frame)
            shown = DecodedPicture(A_PICTURE, 1, frame.rtp_timestamp, frame.arrived_ns, frame.arrived_ns)
            recent = [*recent[1 - RECENT_PICTURES :], shown]
            frame = next(coming, None)
        due = [one for one in recent if lipsync.due_ns(one) <= now_ns + FRAME_NS // 2]
        if due and tick >= SETTLING and (number := due[-1].rtp_timestamp // 3600) not in seen.numbers[-1:]:
            seen.numbers.append(number)
            seen.waits_ms.append((now_ns - NS_PER_S - number * FRAME_NS) / NS_PER_MS)
    assert seen.numbers == sorted(set(seen.numbers))
    return seen


@pytest.mark.parametrize("latency_ms", [55, None], ids=["speaking", "silent"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nine_pictures_of_ten_are_seen_where_packets_are_sent_again(latency_ms: int | None, seed: int) -> None:
    seen = watched(Way(loss=0.05, delay_ms=20, jitter_ms=30), seed, latency_ms)
    assert len(seen.numbers) >= 0.9 * (SECONDS * 25 - SETTLING)


def test_nothing_waits_where_nothing_is_lost() -> None:
    seen = watched(Way(loss=0.0, delay_ms=20, jitter_ms=5), 1, None)
    assert len(seen.numbers) >= SECONDS * 25 - SETTLING - 1
    assert max(seen.waits_ms) <= 20 + 5 + 40


def test_pictures_that_are_late_without_a_repair_wait_for_nobody() -> None:
    holding = Holding()
    for number in range(300):
        holding.arrived(100 * NS_PER_MS * (number % 2), repaired=number % 100 == 0)
    assert holding.wait_ns(None) == 0
    assert holding.wait_ns(30 * NS_PER_MS) == 30 * NS_PER_MS


@pytest.mark.parametrize("late_ms", [70, 5000])
def test_a_picture_waits_for_repairs_but_is_never_far_behind_its_voice(late_ms: int) -> None:
    holding = Holding()
    for number in range(FEWEST + 200):
        holding.arrived(late_ms * NS_PER_MS, repaired=number % 10 == 0)
    assert holding.wait_ns(None) == min(late_ms * NS_PER_MS, MAX_ALONE_NS)
    assert holding.wait_ns(40 * NS_PER_MS) == min(late_ms * NS_PER_MS, 40 * NS_PER_MS + MAX_BEHIND_VOICE_NS)
    assert holding.wait_ns(200 * NS_PER_MS) == max(200 * NS_PER_MS, holding.wait_ns(200 * NS_PER_MS))
    for _ in range(300):
        holding.arrived(late_ms * NS_PER_MS, repaired=False)
    assert holding.wait_ns(None) == 0

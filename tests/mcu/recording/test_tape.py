"""The arithmetic of cutting: what of which room time comes where in the file."""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, SAMPLES_PER_TICK, VIDEO_CLOCK_HZ, EncodedFrame
from mcu.protocol.models import RecordingPause
from mcu.recording.pauses import Pauses
from mcu.recording.soundtrack import Sound
from mcu.recording.tape import NumberedPicture, Tape, TimedSound

START_NS = 7 * NS_PER_S + 123_456_789
PICTURE_NS = NS_PER_S // 30
SOUND_NS = 20 * NS_PER_MS
A_FRAME = EncodedFrame("H264", b"", keyframe=True, time_ns=0, width=160, height=96)


@dataclass
class Film:
    """What was written: pictures by their place in the file, and one line of samples."""

    pictures: list[tuple[float, int]] = field(default_factory=list)
    blocks: list[Sound] = field(default_factory=list)

    def write_frame(self, frame: EncodedFrame, pts: int) -> None:
        self.pictures.append((pts / VIDEO_CLOCK_HZ, frame.time_ns))

    def write_sound(self, block: Sound) -> None:
        self.blocks.append(block)

    def flush(self) -> None:
        pass

    @property
    def duration_s(self) -> float:
        return self.pictures[-1][0] + 1 / 30 if self.pictures else 0.0

    @property
    def sound(self) -> NDArray[np.int16]:
        self.blocks = [np.concatenate(self.blocks)]
        return self.blocks[0]


class Show:
    """Fed tick by tick. Each sample says its room time in milliseconds since ``START_NS``, the first one being 1."""

    def __init__(self) -> None:
        self.film, self.pauses = Film(), Pauses()
        self.tape = Tape(self.film, 160, 96, self.pauses)
        self.now_ns = START_NS
        self._picture = self._block = 0

    def play_until(self, time_ns: int, jitter_ns: int = 0) -> None:
        """All that is due; a keyframe every half a second. ``jitter_ns``: sound says it is so much later than it is."""
        while (due_ns := min(self._next_picture_ns, self._next_block_ns)) < time_ns:
            self.tape.look_at_pauses()
            if due_ns == self._next_block_ns:
                self._sound(due_ns, jitter_ns)
            else:
                frame = replace(A_FRAME, time_ns=due_ns, keyframe=self._picture % 15 == 0)
                self.tape.add_picture(NumberedPicture(self._picture, frame))
                self._picture += 1
        self.now_ns = time_ns

    def play_ms(self, ms: float, jitter_ns: int = 0) -> None:
        self.play_until(self.now_ns + round(ms * NS_PER_MS), jitter_ns)

    def pause_ms(self, ms: float, jitter_ns: int = 0) -> None:
        self.pauses.begin(self.now_ns)
        self.play_ms(ms, jitter_ns)
        self.pauses.end(self.now_ns)

    @property
    def _next_picture_ns(self) -> int:
        return START_NS + self._picture * NS_PER_S // 30

    @property
    def _next_block_ns(self) -> int:
        return START_NS + self._block * SOUND_NS

    def _sound(self, time_ns: int, jitter_ns: int) -> None:
        samples = self._block * SAMPLES_PER_TICK + np.arange(SAMPLES_PER_TICK)
        said: NDArray[Any] = (samples // 48 + 1).astype(np.int32)  # wider than sound is: 32 s of it would be too short
        self.tape.add_sound(TimedSound(said, time_ns + jitter_ns))
        self._block += 1

    def check(self, within_ms: float) -> None:
        """Sound and picture of one room time have one place, and neither stream has a hole."""
        sound = self.film.sound
        for at_s, time_ns in self.film.pictures:
            # A millisecond later: timestamps are rounded, and the sample before is of another time than a cut's first.
            said_ms = int(sound[min(round((at_s + 0.001) * AUDIO_CLOCK_HZ), len(sound) - 1)]) - 2
            assert abs(said_ms - (time_ns - START_NS) / NS_PER_MS) <= within_ms
        steps = [later - earlier for (earlier, _), (later, _) in pairwise(self.film.pictures)]
        assert min(steps) > 0
        assert max(steps) <= PICTURE_NS / NS_PER_S + 0.001
        shown = sound[SAMPLES_PER_TICK : round(self.film.pictures[-1][0] * AUDIO_CLOCK_HZ)]
        assert shown.min() > 0, "no silence stands in for anything"

    def holds(self, from_ns: int, until_ns: int) -> bool:
        """Something of that room time is in the film."""
        first_ms, last_ms = (-(-(time_ns - START_NS) // NS_PER_MS) for time_ns in (from_ns, until_ns))
        said = self.film.sound - 1
        pictures = any(from_ns <= time_ns < until_ns for _, time_ns in self.film.pictures)
        return pictures or bool(((said >= first_ms) & (said < last_ms - 1)).any())


@pytest.mark.parametrize("jitter_ns", [0, 4 * NS_PER_MS, -4 * NS_PER_MS])
def test_a_hundred_pauses_leave_sound_and_picture_together(jitter_ns: int) -> None:
    """At times that fit neither 20 ms nor a thirtieth of a second, nor each other."""
    show, random = Show(), np.random.default_rng(7)
    gone: list[tuple[int, int]] = []
    show.play_ms(777.7, jitter_ns)
    for _ in range(100):
        began_ns = show.now_ns
        show.pause_ms(float(random.uniform(3, 110)), jitter_ns)
        gone.append((began_ns, show.now_ns))
        show.play_ms(float(random.uniform(0, 30)), jitter_ns)
        show.play_until(START_NS + -(-(show.now_ns - START_NS) // 500_000_000) * 500_000_000, jitter_ns)
        show.play_ms(float(random.uniform(80, 140)), jitter_ns)
    show.tape.finish()
    show.check(within_ms=2 if jitter_ns == 0 else 10)
    assert not any(show.holds(began_ns + SOUND_NS, ended_ns) for began_ns, ended_ns in gone)
    listed = show.pauses.listed(0.0)
    assert len(listed) == 100
    played_ms = (show.now_ns - START_NS) / NS_PER_MS
    left_ms = played_ms - sum(pause.paused_ms or 0 for pause in listed)
    assert abs(show.film.duration_s * 1000 - left_ms) < 50 + 34
    assert abs(len(show.film.sound) / 48 - left_ms) < 50 + 34


def test_a_pause_is_cut_where_it_began_and_goes_on_with_a_keyframe() -> None:
    show = Show()
    show.play_ms(1000)
    show.pause_ms(1234)
    show.play_ms(2000)
    show.tape.finish()
    show.check(within_ms=1)
    assert not show.holds(START_NS + 1000 * NS_PER_MS, START_NS + 2500 * NS_PER_MS)
    assert show.pauses.listed(0.0) == (RecordingPause(at_s=1.0, paused_ms=1500),)
    assert (1.0, START_NS + 2500 * NS_PER_MS) in show.film.pictures


def test_what_comes_late_from_before_a_pause_is_kept() -> None:
    """The order to pause arrives before the last pictures do: they are being encoded."""
    show = Show()
    show.play_ms(900)
    show.pauses.begin(START_NS + 1000 * NS_PER_MS)
    show.play_ms(600)
    show.pauses.end(show.now_ns)
    show.play_ms(500)
    show.tape.finish()
    assert show.holds(START_NS + 960 * NS_PER_MS, START_NS + 1000 * NS_PER_MS)
    assert not show.holds(START_NS + 1000 * NS_PER_MS, START_NS + 1500 * NS_PER_MS)
    show.check(within_ms=1)


def test_pauses_without_a_picture_between_them_have_one_place() -> None:
    show = Show()
    show.play_ms(1000)
    show.pause_ms(110)
    show.play_ms(100)  # no keyframe
    show.pause_ms(200)
    show.play_ms(1000)
    show.tape.finish()
    show.check(within_ms=1)
    assert show.pauses.listed(0.0) == (
        RecordingPause(at_s=1.0, paused_ms=210),
        RecordingPause(at_s=1.0, paused_ms=290),
    )


def test_a_pause_before_the_first_picture_is_none_of_the_file() -> None:
    show = Show()
    show.pauses.begin(START_NS - 1)
    show.play_ms(600)
    assert show.pauses.listed(0.0) == (RecordingPause(at_s=0.0, paused_ms=None),)
    show.pauses.end(show.now_ns)
    show.play_ms(1000)
    show.tape.finish()
    assert show.film.pictures[0] == (0.0, START_NS + NS_PER_S)
    show.check(within_ms=1)


def test_what_is_paused_to_the_end_ends_at_the_pause() -> None:
    show = Show()
    show.play_ms(1000)
    show.pauses.begin(show.now_ns)
    show.play_ms(5000)
    show.tape.finish()
    assert abs(show.film.duration_s - 1) < 0.002
    assert len(show.film.sound) == AUDIO_CLOCK_HZ
    assert show.pauses.listed(9.0) == (RecordingPause(at_s=1.0, paused_ms=None),)


def test_paused_before_any_picture_and_stopped_says_so() -> None:
    show = Show()
    show.pauses.begin(START_NS - 1)
    show.play_ms(1000)
    with pytest.raises(ValueError, match="paused before any picture"):
        show.tape.finish()


def test_ordering_twice_is_once() -> None:
    pauses = Pauses()
    pauses.end(1)
    pauses.begin(2)
    pauses.begin(3)
    assert (pauses.ordered, pauses.notice(0)) == (True, 2)
    pauses.end(4)
    pauses.end(5)
    assert not pauses.ordered
    assert pauses.is_over_at(4)
    assert not pauses.is_over_at(3)
    pauses.go_on(6)
    assert pauses.listed(0.0) == (RecordingPause(at_s=0.0, paused_ms=0),)

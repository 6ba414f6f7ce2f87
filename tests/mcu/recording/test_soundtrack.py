import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.recording.soundtrack import SNAP_SAMPLES, Sound, Soundtrack

ORIGIN_NS = 5 * NS_PER_S


class Tape:
    """What came out, and how it was cut."""

    def __init__(self) -> None:
        self.blocks: list[Sound] = []
        self.track = Soundtrack(ORIGIN_NS, 1024, self.blocks.append)

    def at(self, offset_ms: float, value: int = 1, samples: int = 960) -> None:
        self.track.add(np.full(samples, value, np.int16), ORIGIN_NS + round(offset_ms * NS_PER_MS))

    def finished(self) -> Sound:
        self.track.finish()
        assert all(len(block) == 1024 for block in self.blocks[:-1])
        return np.concatenate(self.blocks) if self.blocks else np.zeros(0, np.int16)


def runs(sound: Sound) -> list[tuple[int, int]]:
    """(value, how many samples of it), one after the other."""
    edges = np.flatnonzero(np.diff(sound)) + 1
    return [(int(part[0]), len(part)) for part in np.split(sound, edges)]


def test_blocks_in_time_are_joined() -> None:
    tape = Tape()
    for tick in range(50):
        tape.at(tick * 20)
    assert runs(tape.finished()) == [(1, 48_000)]
    assert tape.track.silence == 0


def test_missing_sound_is_silence() -> None:
    tape = Tape()
    tape.at(0)
    tape.at(100, value=2)
    assert runs(tape.finished()) == [(1, 960), (0, 3840), (2, 960)]
    assert tape.track.silence == 3840


def test_sound_from_before_the_origin_is_cut() -> None:
    tape = Tape()
    tape.at(-40, value=9)
    tape.at(-5, value=2)
    tape.at(15, value=3)
    assert runs(tape.finished()) == [(2, 720), (3, 960)]


def test_the_first_block_is_placed_exactly() -> None:
    tape = Tape()
    tape.at(5)
    assert runs(tape.finished()) == [(0, 240), (1, 960)]


def test_a_late_tick_is_no_hole() -> None:
    tape = Tape()
    tape.at(0)
    tape.at(28, value=2)
    tape.at(33, value=3)
    assert runs(tape.finished()) == [(1, 960), (2, 960), (3, 960)]


def test_sound_that_comes_after_its_silence_is_cut() -> None:
    tape = Tape()
    tape.at(0)
    tape.track.pad_to(ORIGIN_NS + 50 * NS_PER_MS)
    tape.at(20, value=7)
    tape.at(40, value=8)
    # 50 ms are taken: the block for 20 ms is cut away whole, the one for 40 ms is near enough to be joined.
    assert runs(tape.finished()) == [(1, 960), (0, 1440), (8, 960)]


def test_padding_backwards_does_nothing() -> None:
    tape = Tape()
    tape.at(0)
    tape.track.pad_to(ORIGIN_NS)
    assert runs(tape.finished()) == [(1, 960)]


def test_a_long_hole_comes_out_in_small_blocks() -> None:
    tape = Tape()
    tape.at(0)
    tape.at(60_000)
    assert len(tape.finished()) == 61 * 48_000 - 48_000 + 960
    assert max(len(block) for block in tape.blocks) == 1024


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-100, 400), min_size=1, max_size=30))
def test_sound_is_never_further_off_than_the_snap(offsets_ms: list[int]) -> None:
    """Whatever comes whenever: no sample of a block is heard more than 10 ms from its time, and time only grows."""
    tape = Tape()
    for number, offset_ms in enumerate(sorted(offsets_ms), start=1):
        tape.at(offset_ms, value=number)
    sound = tape.finished()
    for number, offset_ms in enumerate(sorted(offsets_ms), start=1):
        heard = np.flatnonzero(sound == number)
        if len(heard):
            wanted_first, wanted_last = offset_ms * 48, offset_ms * 48 + 959
            assert heard[0] >= wanted_first - SNAP_SAMPLES
            assert heard[-1] <= wanted_last + SNAP_SAMPLES
            assert heard[-1] - heard[0] == len(heard) - 1

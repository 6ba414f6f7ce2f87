"""What the benches of whole servers read off: delays and distances that are known beforehand."""

import time
from collections.abc import Sequence

import numpy as np
import pytest

from api.bench import sync, voice
from api.bench.harness import BenchFailed, once
from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.media.opus import OpusDecoder, OpusEncoder
from mixer.timeline import SOUND_TICK_NS


@pytest.fixture(scope="module")
def spoken() -> list[tuple[int, bytes]]:
    encoder = OpusEncoder(voice.BITRATE_BPS)
    return [(number * SOUND_TICK_NS, encoder.encode(chunk)) for number, chunk in enumerate(voice.spoken())]


def relayed(sent: Sequence[tuple[int, bytes]], delay_ns: int) -> list[tuple[int, bytes]]:
    """What a server hands on that decodes and encodes at once, and then keeps it for a while."""
    decoder, encoder = OpusDecoder(), OpusEncoder(voice.BITRATE_BPS)
    return [(time_ns + delay_ns, encoder.encode(decoder.decode(payload))) for time_ns, payload in sent]


@pytest.mark.parametrize("delay_ms", [0, 33, 90])
def test_a_voice_takes_as_long_as_the_server_kept_it(spoken: list[tuple[int, bytes]], delay_ms: int) -> None:
    delays = voice.delays_ms(spoken, relayed(spoken, delay_ms * NS_PER_MS))
    assert len(delays) > 8
    # The second encoder looks ahead by some 6.5 ms.
    assert all(delay_ms + 5 < delay < delay_ms + 9 for delay in delays)


def test_a_chirp_that_does_not_arrive_is_no_measurement(spoken: list[tuple[int, bytes]]) -> None:
    with pytest.raises(BenchFailed, match="did not arrive"):
        voice.delays_ms(spoken, [(time_ns, spoken[0][1]) for time_ns, _ in spoken])


def test_flashes_and_beeps_are_found_where_they_are() -> None:
    second = sync.make_second()
    assert 2 * NS_PER_MS <= second.late_ns <= 9 * NS_PER_MS
    decoder = OpusDecoder()
    parts = [
        (number * sync.TICK_NS, decoder.decode(second.sounds[number % sync.FPS])) for number in range(5 * sync.FPS)
    ]
    beeps = sync.beeps_of(parts, second.late_ns)
    assert [round(beep / NS_PER_MS) for beep in beeps[1:]] == pytest.approx([1_000, 2_000, 3_000, 4_000], abs=2)
    dark, bright = np.full((4, 4), 30, np.uint8), np.full((4, 4), 30, np.uint8)
    bright[2:] = 235
    pictures = [
        (number * sync.TICK_NS + 7 * NS_PER_MS, bright if number % sync.FPS < sync.LIT else dark)
        for number in range(5 * sync.FPS)
    ]
    flashes = sync.lit_at(pictures)
    assert [flash // NS_PER_MS for flash in flashes] == [1_007, 2_007, 3_007, 4_007]
    assert sync.distances_ms(flashes, beeps[1:]) == pytest.approx([-7.0] * 4, abs=2)
    assert sync.distances_ms([], beeps) == []
    assert sync.distances_ms([beeps[1] + NS_PER_S // 2], beeps[1:2]) == []


def test_a_drifting_clock_runs_away_as_it_is_told() -> None:
    clock = sync.DriftingClock(100_000)
    began_ns, wall_ns, real_ns = clock.now_ns(), clock.wall_ns(), time.monotonic_ns()
    while time.monotonic_ns() - real_ns < 20 * NS_PER_MS:
        pass
    passed_ns = clock.now_ns() - began_ns
    assert passed_ns >= 22 * NS_PER_MS
    assert clock.wall_ns() - wall_ns >= passed_ns


def test_what_is_read_off_one_run_is_measured_once() -> None:
    runs = iter(range(10))
    ask = once(lambda: next(runs))
    assert (ask(), ask(), next(runs)) == (0, 0, 1)

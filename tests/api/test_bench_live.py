"""What the benches of whole servers read off: delays, distances and losses that are known beforehand."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import pytest

from api.bench import audio, janus, loss, sync, voice
from api.bench.harness import BenchFailed, Missing, once
from api.bench.link import Weather, linked
from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import ReceivedFrame
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


def test_a_chirp_that_does_not_arrive_counts_as_the_slowest(spoken: list[tuple[int, bytes]]) -> None:
    heard = relayed(spoken, 20 * NS_PER_MS)
    missing = [
        (time_ns, heard[1][1] if 70 <= number < 90 else payload) for number, (time_ns, payload) in enumerate(heard)
    ]
    delays = voice.delays_ms(spoken, missing)
    assert 1 <= delays.count(voice.LONGEST_MS) <= 2


def test_silence_is_no_measurement(spoken: list[tuple[int, bytes]]) -> None:
    with pytest.raises(BenchFailed, match="most chirps"):
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


def bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


async def exchanged(weather: Weather, count: int) -> tuple[list[int], list[int], int]:
    """What of ``count`` datagrams each way comes out of a link on either side, and how many it says it lost."""
    loop = asyncio.get_running_loop()
    with bound() as client, bound() as server:
        async with linked(weather, seed=5) as link:
            to = link.reroute(server.getsockname())
            there: list[int] = []
            back: list[int] = []
            for number in range(count):
                await loop.sock_sendto(client, bytes([number]), to)
            far = to
            async with asyncio.timeout(20):
                while link.statistics.lost + len(there) < count:
                    with contextlib.suppress(TimeoutError):
                        data, far = await asyncio.wait_for(loop.sock_recvfrom(server, 100), 0.1)
                        there.append(data[0])
                gone = link.statistics.lost
                for number in range(count):
                    await loop.sock_sendto(server, bytes([number]), far)
                while link.statistics.lost - gone + len(back) < count:
                    with contextlib.suppress(TimeoutError):
                        data, _ = await asyncio.wait_for(loop.sock_recvfrom(client, 100), 0.1)
                        back.append(data[0])
            return there, back, link.statistics.lost


async def test_a_link_carries_everything_both_ways_in_fair_weather() -> None:
    there, back, lost = await exchanged(Weather(), 100)
    assert (there, back, lost) == (list(range(100)), list(range(100)), 0)


async def test_a_link_loses_its_share_and_shuffles_the_rest() -> None:
    there, back, lost = await exchanged(Weather(loss=0.2, jitter_ms=20), 200)
    assert len(there) + len(back) + lost == 400
    assert 40 <= lost <= 120
    assert there != sorted(there)
    assert len(set(there)) == len(there)


def test_each_of_the_cameras_frames_is_seen_as_a_change() -> None:
    watched, camera = loss.Watched(1), loss.Camera()
    screen = loss.Screen(watched)
    screen.counting = True
    for number in range(12):
        frame = camera.frame(number, number * NS_PER_S // loss.FPS, keyframes_wanted=number // 8)
        assert frame is not None
        assert frame.keyframe == (number in (0, 8))
        arrived_ns = number * NS_PER_S // loss.FPS
        shown = ReceivedFrame("VP8", frame.data, frame.keyframe, number * 3600, 1, arrived_ns)
        screen.show(shown)
    assert (watched.composites, len(watched.changes_ns)) == (12, 11)
    assert watched.longest_ms == pytest.approx(40)


def test_a_room_and_codecs_for_each_both_do_the_work() -> None:
    said = audio.said_by(7, audio.WARM_TICKS + 6)
    assert audio.for_each(said)() > 0
    parked, decoded = (audio.by_room(said, levels=levels)() for levels in (True, False))
    assert parked > 0
    assert decoded > 0


def test_janus_mixes_the_same_people_where_it_is_installed() -> None:
    if janus.missing() is not None:
        pytest.skip("no janus here")
    said = [[payload for payload, _ in sent] for sent in audio.said_by(3, 40)]
    with ExitStack() as stack:
        work = janus.by_audiobridge(stack, said)
        assert not isinstance(work, Missing)
        assert work() > 0


def test_where_janus_is_missing_the_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janus, "installed", lambda program: False)
    with ExitStack() as stack:
        assert janus.by_audiobridge(stack, [[b""]]) == Missing("janus is not installed")

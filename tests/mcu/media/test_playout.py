"""What a listener hears of somebody behind a bad network."""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from mcu.clock import NS_PER_MS
from mcu.frames import AudioPacket
from mcu.media.opus import OpusDecoder, OpusEncoder, Samples
from tests.kit.network import Blackout, Link, Weather
from tests.kit.speech import Microphone, recorded
from tests.mcu.media.listening import QUIETEST, START_NS, Listener, loudness, packets, through, voice, without_start


def decoded(count: int, packet_ms: int = 20) -> Samples:
    """What a decoder makes of the packets when none is missing."""
    decoder = OpusDecoder()
    loop = voice(packet_ms)
    return np.concatenate([decoder.decode(loop[n % len(loop)]) for n in range(count)])


@pytest.mark.parametrize("packet_ms", [10, 20, 40, 60])
def test_a_clean_network_changes_no_bit_and_costs_little(packet_ms: int) -> None:
    listener, _ = through(Weather(), seconds=8, packet_ms=packet_ms)
    heard = without_start(np.concatenate(listener.heard))
    sent = without_start(decoded(8_000 // packet_ms, packet_ms))[: heard.size]
    assert heard.size > 7.5 * 48_000
    assert np.array_equal(heard, sent)
    assert max(listener.delays_ms) <= 30
    assert listener.statistics.concealed_samples == 0
    assert listener.statistics.lost == 0


@pytest.mark.parametrize("loss", [0.05, 0.10])
def test_loss_leaves_no_silent_frame_and_copies_cover_much_of_it(loss: float) -> None:
    listener, link = through(Weather(loss=loss), seconds=40)
    lost = link.statistics.lost / link.statistics.sent
    assert lost > loss / 2
    assert listener.silent_ticks == []
    assert listener.concealed < 0.7 * lost
    assert listener.statistics.fec_recovered > 0.3 * listener.statistics.lost
    assert abs(listener.statistics.lost - link.statistics.lost) <= 3


def test_ten_per_cent_and_jitter_leave_at_most_half_a_per_cent_silent() -> None:
    listener, _ = through(Weather(loss=0.10, jitter_ms=50, reordering=True), seconds=40)
    assert len(listener.silent_ticks) <= 0.005 * len(listener.heard)
    assert listener.concealed < 0.10


def test_jitter_and_reordering_are_waited_for() -> None:
    listener, _ = through(Weather(jitter_ms=30, reordering=True, duplicates=0.1), seconds=30)
    # In its first second the delay is still being learnt.
    assert [n for n in listener.silent_ticks if n > 50] == []
    assert listener.concealed < 0.002
    assert listener.statistics.lost <= 4
    assert 40 <= listener.statistics.delay_ms <= 70


@pytest.mark.parametrize(("burst_ms", "seed"), [(60, 3), (100, 1), (100, 2), (100, 4)])
def test_bursts_of_loss_leave_short_gaps(burst_ms: float, seed: int) -> None:
    link: Link[AudioPacket] = Link(Weather(loss=0.05, burst_ms=burst_ms), seed)
    sent = list(packets(40))
    arrived = list(link.carry(sent))
    got = {packet.sequence_number for _, packet in arrived}
    runs = itertools.groupby(packet.sequence_number in got for _, packet in sent)
    longest_ms = max(20 * len(list(run)) for there, run in runs if not there)
    listener = Listener().listen(arrived)
    assert link.statistics.lost > 40
    # No loss of up to 280 ms leaves more, and a longer one only what it is longer.
    assert listener.longest_gap_ms <= max(150, longest_ms - 130)
    assert listener.concealed <= link.statistics.lost / link.statistics.sent


@functools.cache
def spoken(seconds: int, *, fec: bool = True) -> tuple[tuple[int, AudioPacket], ...]:
    voices = np.concatenate([recorded(name) for name in ("ada", "zoe", "julia", "minjun")] * 2)[: seconds * 48_000]
    return tuple(Microphone(expected_loss=0.1 if fec else 0.0).packets(voices, START_NS))


@pytest.mark.parametrize("seed", [1, 2])
def test_two_per_cent_of_loss_are_hardly_heard_in_speech(seed: int) -> None:
    listener = Listener().listen(Link[AudioPacket](Weather(loss=0.02), seed).carry(spoken(60)))
    assert listener.concealed <= 0.005
    assert not [chunk for chunk in listener.heard if not chunk.any()]
    assert listener.statistics.delay_ms <= 50


@pytest.mark.parametrize("reordering", [False, True])
def test_ten_per_cent_and_jitter_leave_three_per_cent_of_speech_to_be_invented(reordering: bool) -> None:
    weather = Weather(loss=0.10, delay_ms=25, jitter_ms=50, reordering=reordering)
    listener = Listener().listen(Link[AudioPacket](weather, 2).carry(spoken(60)))
    assert listener.concealed <= 0.03
    assert len([chunk for chunk in listener.heard if not chunk.any()]) <= 0.005 * len(listener.heard)


def test_losses_lengthen_the_delay_only_while_there_are_some() -> None:
    def early(pairs: Iterable[tuple[int, AudioPacket]]) -> Iterator[tuple[int, AudioPacket]]:
        return (pair for n, pair in enumerate(pairs) if n > 500 or n % 25 != 10)

    listener = Listener().listen(early(spoken(60)))
    during, after = listener.delays_ms[300:500], listener.delays_ms[-500:]
    assert min(during) > 40, "a packet more, for the copies"
    assert max(after) < 35
    assert listener.statistics.fec_recovered >= 12


def test_without_copies_a_loss_costs_no_delay() -> None:
    listener = Listener().listen(Link[AudioPacket](Weather(loss=0.05), 1).carry(spoken(20, fec=False)))
    assert max(listener.delays_ms) < 35


@pytest.mark.parametrize("ppm", [300.0, -300.0, 100.0])
def test_drift_is_absorbed_for_minutes(ppm: float) -> None:
    listener, _ = through(Weather(drift_ppm=ppm), seconds=150)
    assert listener.silent_ticks == []
    assert listener.statistics.concealed_samples == 0
    assert listener.statistics.resets == 0
    settled = listener.delays_ms[50:]
    # 300 ppm over the whole time would be 45 ms, 100 ppm 15 ms.
    assert min(settled) >= 21
    assert max(settled) <= 36
    # Above 0 the sender's clock is slow in this weather, fast in the statistics.
    assert listener.statistics.drift_ppm == pytest.approx(-ppm, abs=5)


def test_the_delay_grows_in_a_storm_and_comes_down_after_it() -> None:
    listener, _ = through(Weather(jitter_ms=150, jitter_until_ms=10_000, reordering=True), seconds=35)
    storm = listener.delays_ms[300:500]
    assert min(storm) > 90
    assert max(listener.delays_ms) <= 260
    assert listener.statistics.delay_ms <= 40
    assert listener.statistics.target_ms == 25
    assert [n for n in listener.silent_ticks if n > 100] == []


def test_in_silence_the_delay_comes_down_at_once() -> None:
    listener, _ = through(Weather(jitter_ms=150, jitter_until_ms=5_000), seconds=5)
    stormy = listener.statistics
    assert stormy.delay_ms > 90
    encoder = OpusEncoder(24_000)
    quiet = [encoder.encode(np.zeros(960, np.int16)) for _ in range(300)]
    listener.listen(
        (sent_ns + 20 * NS_PER_MS, dataclasses.replace(packet, payload=quiet[n - 250]))
        for n, (sent_ns, packet) in enumerate(packets(11))
        if n >= 250
    )
    assert listener.statistics.delay_ms < 50
    assert listener.statistics.concealed_samples == stormy.concealed_samples


@pytest.mark.parametrize("held", [False, True])
def test_after_a_blackout_sound_is_back_within_a_third_of_a_second(held: bool) -> None:
    listener, _ = through(Weather(blackouts=(Blackout(5_000, 9_000, held),)), seconds=16)
    ends = round((9_000 + 20) / 20)
    audible = [n for n, chunk in enumerate(listener.chunks) if chunk is not None and loudness(chunk) > QUIETEST]
    back = next(n for n in audible if n >= ends)
    assert (back - ends) * 20 <= 300
    # What was held back is not played seconds late, and the gap before was not filled with a hum.
    assert max(listener.delays_ms) <= 420
    assert not [n for n in audible if 5_400 / 20 < n < ends]
    tail = [n for n in audible if n > back + 10]
    assert len(tail) >= len(listener.chunks) - back - 12

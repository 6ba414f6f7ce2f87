"""What a listener hears of somebody behind a bad network. Minutes of media, no waiting."""

import dataclasses
import functools
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from mcu.clock import NS_PER_MS, NS_PER_S, ntp_from_wall
from mcu.frames import AudioPacket, SenderReport
from mcu.media.opus import OpusDecoder, OpusEncoder, Samples
from mcu.media.playout import Playout
from mcu.media.playout_statistics import PlayoutStatistics
from mixer.timeline import SenderClock, StreamClock
from tests.kit.clock import FakeClock
from tests.kit.network import Blackout, Link, Weather
from tests.kit.speech import Microphone, recorded

TICK_NS = 20 * NS_PER_MS
START_NS = NS_PER_S
SSRC = 0x1234
LOOP_S = 6
QUIETEST = 60.0
"""Root mean square below which a listener hears a hole: the test sound never goes below 250."""


@functools.cache
def voice(packet_ms: int = 20) -> tuple[bytes, ...]:
    """Six seconds of two low tones that swell like syllables and fit end to end, with FEC."""
    at = np.arange(LOOP_S * 48_000) / 48_000
    swell = 0.3 + 0.7 * np.clip(np.sin(2 * np.pi * 3 * at), 0, 1)
    sound = swell * (1_500 * np.sin(2 * np.pi * 317 * at) + 900 * np.sin(2 * np.pi * 731 * at))
    encoder = OpusEncoder(48_000, expected_loss=0.2, complexity=2)
    samples = packet_ms * 48
    return tuple(
        encoder.encode(np.rint(sound[start : start + samples]).astype(np.int16))
        for start in range(0, sound.size, samples)
    )


def packets(
    seconds: float,
    *,
    packet_ms: int = 20,
    sequence: int = 65_500,
    timestamp: int = 2**32 - 40_000,
    ssrc: int = SSRC,
    start_ns: int = START_NS,
) -> Iterator[tuple[int, AudioPacket]]:
    """Packets and when they are sent. Sequence numbers and timestamps wrap early."""
    loop = voice(packet_ms)
    for n in range(round(seconds * 1_000 / packet_ms)):
        yield (
            start_ns + n * packet_ms * NS_PER_MS,
            AudioPacket(
                loop[n % len(loop)],
                (sequence + n) % 2**16,
                (timestamp + n * packet_ms * 48) % 2**32,
                ssrc,
                arrived_ns=0,
            ),
        )


@dataclasses.dataclass
class Listener:
    """A sound thread with a fake clock: pulls every 20 ms and keeps what it hears."""

    playout: Playout = dataclasses.field(default_factory=Playout)
    clock: FakeClock = dataclasses.field(default_factory=lambda: FakeClock(START_NS + 7 * NS_PER_MS))
    chunks: list[Samples | None] = dataclasses.field(default_factory=list)
    delays_ms: list[float] = dataclasses.field(default_factory=list)

    def listen(self, arrivals: Iterable[tuple[int, AudioPacket]]) -> "Listener":
        for arrived_ns, packet in arrivals:
            self.until(arrived_ns)
            self.playout.push(dataclasses.replace(packet, arrived_ns=arrived_ns))
        return self

    def until(self, end_ns: int) -> None:
        while self.clock.now_ns() < end_ns:
            chunk = self.playout.pull(self.clock.now_ns())
            assert chunk is None or (chunk.shape == (960,) and chunk.dtype == np.int16)
            self.chunks.append(chunk)
            self.delays_ms.append(self.statistics.delay_ms)
            self.clock.advance(ns=TICK_NS)

    @property
    def statistics(self) -> PlayoutStatistics:
        return self.playout.statistics

    @property
    def heard(self) -> list[Samples]:
        """From the first sound on; silence as zeros."""
        first = next(n for n, chunk in enumerate(self.chunks) if chunk is not None)
        return [np.zeros(960, np.int16) if chunk is None else chunk for chunk in self.chunks[first:]]

    @property
    def silent_ticks(self) -> list[int]:
        """Which of the ticks heard, after the first, were holes."""
        return [n for n, chunk in enumerate(self.heard) if n and loudness(chunk) < QUIETEST]

    @property
    def longest_gap_ms(self) -> int:
        longest = run = 0
        for chunk in self.heard:
            run = run + 20 if loudness(chunk) < QUIETEST else 0
            longest = max(longest, run)
        return longest

    @property
    def concealed(self) -> float:
        return self.statistics.concealed_samples / (960 * len(self.heard))


def loudness(chunk: Samples) -> float:
    return float(np.sqrt(np.mean(chunk.astype(np.float64) ** 2)))


def through(weather: Weather, seconds: float, seed: int = 1, packet_ms: int = 20) -> tuple[Listener, Link[AudioPacket]]:
    link: Link[AudioPacket] = Link(weather, seed)
    return Listener().listen(link.carry(packets(seconds, packet_ms=packet_ms))), link


def decoded(count: int, packet_ms: int = 20) -> Samples:
    """What a decoder makes of the packets when none is missing."""
    decoder = OpusDecoder()
    loop = voice(packet_ms)
    return np.concatenate([decoder.decode(loop[n % len(loop)]) for n in range(count)])


def without_start(samples: Samples) -> Samples:
    return samples[int(np.flatnonzero(samples)[0]) :]


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


def dtx_packets(seconds: int) -> list[tuple[int, AudioPacket]]:
    """Half a second of voice, then a second and a half of silence, as a browser with DTX sends them."""
    encoder = OpusEncoder(24_000, dtx=True)
    sent: list[tuple[int, AudioPacket]] = []
    sequence, pausing = 100, False
    at = np.arange(24_000) / 48_000
    word = np.rint(3_000 * np.sin(2 * np.pi * 317 * at) * np.sin(np.pi * at / 0.5)).astype(np.int16)
    for n in range(seconds * 50):
        place = n % 100
        frame = word[place * 960 : place * 960 + 960] if place < 25 else np.zeros(960, np.int16)
        payload = encoder.encode(frame)
        was_pausing, pausing = pausing, len(payload) <= 2
        if pausing and was_pausing:
            continue
        sent.append((START_NS + n * TICK_NS, AudioPacket(payload, sequence, 960 * n, SSRC, 0)))
        sequence += 1
    return sent


def test_pauses_of_the_sender_are_silence_and_not_loss() -> None:
    sent = dtx_packets(20)
    assert len(sent) < 700
    link: Link[AudioPacket] = Link(Weather(jitter_ms=15))
    listener = Listener().listen(link.carry(sent))
    assert listener.statistics.concealed_samples == 0
    assert listener.statistics.lost == 0
    assert listener.statistics.resets == 0
    assert listener.statistics.delay_ms <= 60
    # Words keep their distance of two seconds, to within a tick.
    loud = [n for n, chunk in enumerate(listener.chunks) if chunk is not None and loudness(chunk) > 500]
    begins = [n for n in loud if n - 1 not in loud and n - 2 not in loud]
    assert len(begins) == 10
    assert all(abs(later - earlier - 100) <= 1 for earlier, later in itertools.pairwise(begins))
    assert None in listener.chunks[begins[0] + 40 : begins[1] - 5]


def test_packets_that_say_they_are_silent_are_not_decoded() -> None:
    decoder = CountingDecoder()
    listener = Listener(Playout(decoder=decoder))
    listener.listen(
        (sent_ns, dataclasses.replace(packet, level_dbov=127 if n >= 100 else 30))
        for n, (sent_ns, packet) in enumerate(packets(8))
    )
    assert decoder.decodes == 101
    assert all(chunk is None for chunk in listener.chunks[110:])
    assert listener.statistics.level == 127
    assert listener.statistics.concealed_samples == 0


def test_a_parked_stream_is_not_decoded_and_comes_back_in_time() -> None:
    decoder = CountingDecoder()
    parked, played = Playout(decoder=decoder), Playout()
    heard: list[Samples | None] = []
    arrivals = list(Link[AudioPacket](Weather(jitter_ms=10, loss=0.01)).carry(packets(12)))
    for tick in range(600):
        now_ns = START_NS + 7 * NS_PER_MS + tick * TICK_NS
        while arrivals and arrivals[0][0] <= now_ns:
            arrived_ns, packet = arrivals.pop(0)
            for playout in (parked, played):
                playout.push(dataclasses.replace(packet, arrived_ns=arrived_ns))
        played.pull(now_ns)
        if 100 <= tick < 500:
            parked.park(now_ns)
        else:
            heard.append(parked.pull(now_ns))
        if tick == 499:
            assert decoder.decodes <= 100
            assert parked.latency_ns == pytest.approx(played.latency_ns, abs=9 * NS_PER_MS)
    counted = parked.statistics
    assert (counted.received, counted.lost) == (played.statistics.received, played.statistics.lost)
    assert counted.played_samples <= 200 * 960
    assert counted.delay_ms == pytest.approx(counted.target_ms, abs=4)
    assert all(chunk is not None and loudness(chunk) > QUIETEST for chunk in heard[100:])
    parked.close()
    played.close()


@pytest.mark.parametrize("ticks", range(60, 70))
def test_however_long_it_was_parked_a_stream_goes_on_at_the_same_sample(
    ticks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether packets are seen to one by one or some at a time."""
    arrivals = list(Link[AudioPacket](Weather(jitter_ms=30, loss=0.03, reordering=True), 5).carry(packets(2)))

    def heard_after() -> tuple[list[Samples | None], PlayoutStatistics]:
        playout, waiting = Playout(), list(arrivals)
        heard: list[Samples | None] = []
        for tick in range(ticks + 20):
            now_ns = START_NS + tick * TICK_NS
            while waiting and waiting[0][0] <= now_ns:
                arrived_ns, packet = waiting.pop(0)
                playout.push(dataclasses.replace(packet, arrived_ns=arrived_ns, level_dbov=30))
            playout.look(now_ns)
            if tick < ticks:
                playout.park(now_ns)
            else:
                heard.append(playout.pull(now_ns))
        counted = playout.statistics
        playout.close()
        return heard, counted

    # How often the delay is worked out is another matter, and the same for both here.
    monkeypatch.setattr("mcu.media.arrival.RECKON_UNHURRIED_EVERY", 5)
    some, counted = heard_after()
    monkeypatch.setattr("mcu.media.playout.SETTLE_PACKETS", 1)
    each, counted_each = heard_after()
    assert counted == counted_each
    assert counted.lost > 0
    assert all(chunk is not None and loudness(chunk) > QUIETEST for chunk in some)
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(some, each, strict=True) if ours is not None)


def test_a_voice_after_a_pause_is_decoded_after_the_packets_before_it() -> None:
    """A parked stream that is heard again before its next packet is due."""
    decoder = CountingDecoder()
    playout, sent = Playout(decoder=decoder), list(packets(4))
    pause = 50
    for tick in range(100 + pause):
        if tick < 100:
            playout.push(dataclasses.replace(sent[tick][1], arrived_ns=START_NS + tick * TICK_NS))
        playout.park(START_NS + tick * TICK_NS)
    assert decoder.decodes == 0
    now_ns = START_NS + (100 + pause) * TICK_NS
    for n in range(100, 110):
        late = dataclasses.replace(
            sent[n][1],
            rtp_timestamp=(sent[n][1].rtp_timestamp + pause * 960) % 2**32,
            arrived_ns=START_NS + (n + pause) * TICK_NS,
        )
        playout.push(late)
    chunks = [playout.pull(now_ns + tick * TICK_NS) for tick in range(8)]
    assert chunks[0] is None, "not due yet"
    assert decoder.resets == 2, "once when the stream began, once when it came back"
    fresh = OpusDecoder()
    expected = np.concatenate([fresh.decode(packet.payload) for _, packet in sent[97:105]])[3 * 960 :]
    got = np.concatenate([chunk for chunk in chunks if chunk is not None])
    begin = int(np.flatnonzero(got)[0])
    assert np.array_equal(got[begin : begin + 3_000], without_start(expected)[:3_000])


def test_a_closed_playout_can_be_looked_at_and_parked() -> None:
    playout = Playout()
    for sent_ns, packet in packets(0.1):
        playout.push(dataclasses.replace(packet, arrived_ns=sent_ns))
    playout.close()
    assert playout.look(START_NS) is None
    playout.park(START_NS)


class CountingDecoder(OpusDecoder):
    """Counts the work that packets cause."""

    def __init__(self) -> None:
        super().__init__()
        self.decodes = 0
        self.conceals = 0
        self.resets = 0

    def decode(self, payload: bytes) -> Samples:
        self.decodes += 1
        return super().decode(payload)

    def conceal(self, samples: int) -> Samples:
        self.conceals += 1
        return super().conceal(samples)

    def reset(self) -> None:
        self.resets += 1
        super().reset()


def hostile(change: Callable[[int, AudioPacket], AudioPacket]) -> Iterator[tuple[int, AudioPacket]]:
    return ((sent_ns, change(n, packet)) for n, (sent_ns, packet) in enumerate(packets(20)))


@pytest.mark.parametrize(
    "change",
    [
        lambda n, packet: dataclasses.replace(packet, sequence_number=(n * 32_000) % 2**16),
        lambda n, packet: dataclasses.replace(packet, sequence_number=(n // 2 * 32_000 + n % 2) % 2**16),
        lambda n, packet: dataclasses.replace(packet, rtp_timestamp=(n * 0x7FFF_FFFF) % 2**32),
        lambda n, packet: dataclasses.replace(packet, rtp_timestamp=(packet.rtp_timestamp + n // 2 * 10**8) % 2**32),
        lambda n, packet: dataclasses.replace(packet, ssrc=n),
        lambda n, packet: dataclasses.replace(packet, ssrc=n // 2),
        lambda n, packet: dataclasses.replace(packet, rtp_timestamp=0),
        lambda n, packet: dataclasses.replace(packet, payload=b""),
        lambda n, packet: dataclasses.replace(packet, payload=b"\xff" * 1_200),
    ],
    ids=["sequence", "sequence pairs", "timestamp", "timestamp pairs", "ssrc", "ssrc pairs", "frozen", "empty", "junk"],
)
def test_hostile_packets_cost_bounded_work(change: Callable[[int, AudioPacket], AudioPacket]) -> None:
    decoder = CountingDecoder()
    listener = Listener(Playout(decoder=decoder)).listen(hostile(change))
    count = 1_000
    assert decoder.decodes <= count
    assert decoder.resets <= count
    assert decoder.conceals <= 2 * len(listener.chunks)
    # Whoever behaves again is heard again at once.
    listener.listen(packets(2, sequence=7, timestamp=9, ssrc=99, start_ns=listener.clock.now_ns()))
    assert all(chunk is not None and loudness(chunk) > QUIETEST for chunk in listener.chunks[-80:])


def test_a_single_strange_packet_interrupts_nothing() -> None:
    def strange(n: int, packet: AudioPacket) -> AudioPacket:
        if n % 100 == 50:
            return dataclasses.replace(packet, ssrc=n)
        if n % 100 == 75:
            return dataclasses.replace(packet, sequence_number=(packet.sequence_number + 30_000) % 2**16)
        return packet

    listener = Listener().listen(hostile(strange))
    assert listener.silent_ticks == []
    assert listener.statistics.resets == 0
    assert listener.statistics.strays == 20
    assert listener.statistics.lost == 20


@pytest.mark.parametrize(
    ("ssrc", "sequence", "timestamp"),
    [(77, 5, 2**31), (SSRC, 30_000, 2**32 - 40_000 + 48_000 * 5), (SSRC, 65_500 + 250, 123_456_789)],
    ids=["ssrc", "sequence", "timestamp"],
)
def test_a_sender_that_begins_anew_is_heard_at_once(ssrc: int, sequence: int, timestamp: int) -> None:
    listener = Listener().listen(packets(5))
    before = len(listener.chunks)
    listener.listen(packets(5, ssrc=ssrc, sequence=sequence, timestamp=timestamp, start_ns=START_NS + 5 * NS_PER_S))
    assert listener.statistics.resets == 1
    assert listener.statistics.strays == 0
    silent = [chunk for chunk in listener.chunks[before:] if chunk is None or loudness(chunk) < QUIETEST]
    assert len(silent) <= 5
    assert listener.statistics.delay_ms <= 60


@pytest.mark.parametrize("later_ms", [250, 500, 1_500])
def test_a_way_that_becomes_longer_for_good_is_followed_at_once(later_ms: int) -> None:
    """As when a phone changes to another network, or a sender's timestamps fall behind."""

    def longer(pairs: Iterable[tuple[int, AudioPacket]]) -> Iterator[tuple[int, AudioPacket]]:
        for n, (sent_ns, packet) in enumerate(pairs):
            yield sent_ns + (later_ms * NS_PER_MS if n >= 250 else 0), packet

    listener = Listener().listen(longer(packets(12)))
    resumed = (5_000 + later_ms) // 20
    gap = [n for n, chunk in enumerate(listener.chunks[resumed:]) if chunk is None or loudness(chunk) < QUIETEST]
    assert len(gap) * 20 <= 300
    assert listener.statistics.delay_ms <= 40


def test_nobody_pulling_costs_no_memory_and_no_lasting_delay() -> None:
    listener = Listener().listen(packets(2))
    late_ns = START_NS + 2 * NS_PER_S
    for sent_ns, packet in packets(30):
        if late_ns <= sent_ns < late_ns + 10 * NS_PER_S:
            listener.playout.push(dataclasses.replace(packet, arrived_ns=sent_ns))
    assert listener.statistics.overflowed >= 400
    listener.clock.advance(ms=10_000)
    listener.listen(pair for pair in packets(30) if pair[0] >= late_ns + 10 * NS_PER_S)
    assert listener.statistics.delay_ms <= 60
    assert listener.statistics.resets >= 1


def test_a_sound_thread_that_stalls_is_in_time_again_at_once() -> None:
    listener = Listener()
    for sent_ns, packet in packets(6):
        if sent_ns == START_NS + 3 * NS_PER_S:
            stalled_at = len(listener.chunks)
            listener.clock.advance(ms=600)
        listener.listen([(sent_ns, packet)])
    assert listener.statistics.resets == 1
    assert listener.statistics.overflowed == 0
    after = listener.chunks[stalled_at + 1 :]
    assert all(chunk is not None and loudness(chunk) > QUIETEST for chunk in after)
    assert max(listener.delays_ms[stalled_at:]) <= 60


@pytest.mark.parametrize("late_ms", [35, 70])
def test_a_packet_that_was_given_up_is_not_played_when_it_comes_after_all(late_ms: int) -> None:
    def late(pairs: Iterable[tuple[int, AudioPacket]]) -> list[tuple[int, AudioPacket]]:
        delayed = [
            (sent_ns + (late_ms * NS_PER_MS if n % 50 == 30 else 0), packet)
            for n, (sent_ns, packet) in enumerate(pairs)
        ]
        return sorted(delayed, key=lambda pair: pair[0])

    listener = Listener().listen(late(packets(6)))
    assert listener.statistics.late == 6
    assert listener.statistics.lost == 6
    assert listener.statistics.concealed_samples + 960 * listener.statistics.fec_recovered == 6 * 960
    # Playing it would have put everything after it 20 ms later.
    assert max(listener.delays_ms) <= 41


def test_nothing_is_heard_before_and_after_a_stream() -> None:
    listener = Listener()
    listener.until(START_NS + NS_PER_S)
    latencies = [listener.playout.latency_ns]
    assert set(map(type, listener.chunks)) == {type(None)}
    end_ns = listener.clock.now_ns() + NS_PER_S
    listener.listen(packets(1, start_ns=listener.clock.now_ns()))
    latencies.append(listener.playout.latency_ns)
    listener.until(end_ns + NS_PER_S)
    # The tail fades to nothing within 240 ms; after that nothing is contributed at all.
    tail = listener.heard[50:]
    audible = [chunk for chunk in tail if loudness(chunk) > 0]
    assert len(audible) <= 12
    assert np.abs(audible[-1][-48:]).max() < 0.02 * np.abs(listener.heard[40]).max()
    assert all(chunk is None for chunk in listener.chunks[-35:])
    latencies.append(listener.playout.latency_ns)
    assert [latency is None for latency in latencies] == [True, False, True]


def test_pictures_learn_how_late_the_sound_is() -> None:
    sender = SenderClock()
    listener = Listener(Playout(sender))
    video = StreamClock(90_000, sender)
    for n, (sent_ns, packet) in enumerate(packets(10)):
        arrived_ns = sent_ns + 20 * NS_PER_MS
        listener.listen([(arrived_ns, packet)])
        # The camera's pictures leave 150 ms after the sound of the same instant.
        video.arrived(n * 1_800, arrived_ns + 150 * NS_PER_MS)
        if n % 50 == 5:
            ntp = ntp_from_wall(listener.clock.wall_ns() - listener.clock.now_ns() + sent_ns)
            listener.playout.sender_report(SenderReport(SSRC, ntp, packet.rtp_timestamp, arrived_ns))
            video.reported(ntp, n * 1_800, arrived_ns)
    latency_ns = listener.playout.latency_ns
    assert latency_ns is not None
    assert abs(latency_ns - 25 * NS_PER_MS) <= 2 * NS_PER_MS
    # The picture taken with the sample that plays now is due now, although it comes much later than its sound.
    captured_ns = video.room_ns(499 * 1_800)
    assert captured_ns is not None
    assert abs(captured_ns - (START_NS + 499 * TICK_NS + 20 * NS_PER_MS)) <= 2 * NS_PER_MS
    report = SenderReport(SSRC + 1, 1, 1, listener.clock.now_ns())
    listener.playout.sender_report(report)
    assert listener.playout.latency_ns == latency_ns


def test_the_level_of_what_plays_is_told() -> None:
    listener, _ = through(Weather(), seconds=3)
    assert 20 <= listener.statistics.level <= 45


def test_pushing_closing_and_pulling_meet_on_different_threads() -> None:
    playout = Playout()
    stream = [dataclasses.replace(packet, arrived_ns=sent_ns) for sent_ns, packet in packets(10)]
    failures: list[BaseException] = []

    def pull() -> None:
        try:
            for tick in range(500):
                playout.pull(START_NS + tick * TICK_NS)
                assert playout.statistics.received <= len(stream)
        except BaseException as error:
            failures.append(error)

    puller = threading.Thread(target=pull)
    puller.start()
    for packet in stream:
        playout.push(packet)
    playout.close()
    playout.close()
    puller.join(timeout=30)
    assert not puller.is_alive()
    assert failures == []
    playout.push(stream[0])
    assert playout.pull(START_NS) is None

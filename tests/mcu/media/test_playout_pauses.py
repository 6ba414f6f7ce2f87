"""Pauses: a sender that is silent, and streams that nobody is to hear."""

import dataclasses
import itertools

import numpy as np
import pytest

from mcu.clock import NS_PER_MS
from mcu.frames import AudioPacket
from mcu.media.opus import OpusDecoder, OpusEncoder, Samples
from mcu.media.playout import Playout
from mcu.media.playout_statistics import PlayoutStatistics
from tests.kit.network import Link, Weather
from tests.mcu.media.listening import (
    QUIETEST,
    SSRC,
    START_NS,
    TICK_NS,
    CountingDecoder,
    Listener,
    loudness,
    packets,
    without_start,
)


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
    for ours, theirs in zip(some, each, strict=True):
        assert ours is not None
        assert theirs is not None
        assert np.array_equal(ours, theirs)


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

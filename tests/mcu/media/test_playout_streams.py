"""Streams that are hostile, begin anew or change their way, and who uses a playout."""

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from mcu.clock import NS_PER_MS, NS_PER_S, ntp_from_wall
from mcu.frames import AudioPacket, SenderReport
from mcu.media.playout import Playout
from mixer.timeline import SenderClock, StreamClock
from tests.kit.network import Weather
from tests.mcu.media.listening import (
    QUIETEST,
    SSRC,
    START_NS,
    TICK_NS,
    CountingDecoder,
    Listener,
    loudness,
    packets,
    through,
)


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

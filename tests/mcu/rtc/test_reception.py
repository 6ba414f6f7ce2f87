"""Sequence numbers unwrapped, and a leap believed only when it repeats itself."""

from mcu.rtc.reception import MAX_DROPOUT, SourceReception


def test_numbers_are_unwrapped_over_a_roll_over_and_in_disorder() -> None:
    source = SourceReception(7, 90_000)
    numbers = [65_534, 65_535, 1, 0, 2, 65_533]
    assert [source.received(number, 0, 0) for number in numbers] == [65_534, 65_535, 65_537, 65_536, 65_538, 65_533]
    assert source.highest == 65_538
    assert source.unwrap(65_000) == 65_000


def test_stray_packet_from_far_away_moves_nothing() -> None:
    source = SourceReception(7, 90_000)
    assert source.received(100, 0, 0) == 100
    assert source.received(20_000, 0, 0) is None
    assert source.received(101, 0, 0) == 101
    assert source.received(20_002, 0, 0) is None


def test_sender_that_begins_anew_is_believed_with_its_second_packet() -> None:
    source = SourceReception(7, 90_000)
    for number in range(90, 101):
        source.received(number, 0, 0)
    source.block(0)
    assert source.received(40_000, 0, 0) is None
    restarted = source.received(40_001, 0, 0)
    assert restarted is not None
    assert restarted & 0xFFFF == 40_001
    assert restarted - 100 > MAX_DROPOUT
    block = source.block(0)
    assert block is not None
    assert (block.fraction_lost, block.packets_lost) == (0, 0)
    source.received(40_004, 0, 0)
    block = source.block(0)
    assert block is not None
    assert (block.fraction_lost, block.packets_lost) == (2 * 256 // 3, 2)


def test_no_report_before_the_first_packet() -> None:
    assert SourceReception(7, 90_000).block(0) is None


def test_steady_stream_has_no_jitter_even_over_a_timestamp_wrap() -> None:
    source = SourceReception(7, 48_000)
    for number in range(50):
        source.received(number, (0xFFFF_FFFF - 9_600 + 960 * number) & 0xFFFF_FFFF, 20_000_000 * number)
    block = source.block(0)
    assert block is not None
    assert block.jitter == 0


def test_packets_of_one_frame_are_no_jitter_however_they_are_spread() -> None:
    source = SourceReception(7, 90_000)
    for number in range(60):
        frame, packet = divmod(number, 6)
        source.received(number, 3600 * frame, 40_000_000 * frame + 3_000_000 * packet)
    block = source.block(0)
    assert block is not None
    assert block.jitter == 0

"""How long the picture stands still when a network loses and delays: a minute of it, in media time."""

import pytest

from tests.mcu.rtc.lossy import Meeting, Way

SECONDS = 40


@pytest.mark.parametrize(("packets", "keyframe_packets"), [(1, 3), (4, 14)], ids=["small", "large"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_picture_never_stands_still_for_400_ms(packets: int, keyframe_packets: int, seed: int) -> None:
    shown = Meeting(Way(loss=0.05, delay_ms=20, jitter_ms=30), seed, packets, keyframe_packets).run(SECONDS)
    assert shown.longest_ms <= 350
    assert len(shown.times_ns) >= 25 * (SECONDS - 1)
    # Repairs and not key frames mend it, and few of them come in vain.
    assert shown.keyframes <= 1 + SECONDS // 8
    assert shown.repairs <= 0.35 * shown.sent


def test_on_a_longer_way_repairs_still_come_in_time() -> None:
    """Three tenths of a second there and back: what was asked for must not be given up before it can be here."""
    meeting = Meeting(Way(loss=0.02, delay_ms=150, jitter_ms=10), 1, 4, 14)
    meeting.assembler.set_round_trip(310_000_000)
    shown = meeting.run(SECONDS)
    assert shown.longest_ms <= 900
    assert len(shown.times_ns) >= 25 * (SECONDS - 1)
    assert shown.keyframes <= 1 + SECONDS // 8


def test_clean_network_costs_no_repair() -> None:
    shown = Meeting(Way(loss=0.0, jitter_ms=0.0), 1, 4, 14).run(10)
    assert (shown.repairs, shown.asked, shown.keyframes) == (0, 0, 1)
    assert shown.longest_ms == 40

"""Key frames to a crowd leave in steps that a network takes, and in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcu.rtc.sender import VideoFanout
from mcu.rtc.spreading import MAX_RESTS, MIN_STEP_OCTETS, REST_S, Spread
from tests.mcu.rtc.packets import IDENTITY, HeldClock, Viewers, make_frames


def bursts(viewers: int, octets: int) -> list[int]:
    """What leaves between two rests."""
    left = [0]

    def rest(seconds: float) -> None:
        assert seconds * MAX_RESTS <= 0.25 / 25
        assert seconds == REST_S
        left.append(0)

    spread = Spread(viewers, octets, rest)
    for _ in range(viewers):
        left[-1] += octets
        spread.sent()
    return left


@given(st.integers(0, 500), st.integers(1, 400_000))
def test_no_burst_is_much_larger_than_the_others_and_all_are_in_time(viewers: int, octets: int) -> None:
    sizes = bursts(viewers, octets)
    assert sum(sizes) == viewers * octets
    assert len(sizes) - 1 <= MAX_RESTS
    assert max(sizes) <= max(MIN_STEP_OCTETS, viewers * octets // MAX_RESTS) + octets


def test_a_room_that_fits_into_a_queue_waits_for_nothing() -> None:
    assert bursts(2, 60_000) == [120_000]
    assert len(bursts(100, 60_000)) > MAX_RESTS // 2


def test_only_key_frames_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    spreads: list[int] = []

    class Noted(Spread):
        def __init__(self, viewers: int, octets: int) -> None:
            spreads.append(viewers)
            super().__init__(viewers, octets, lambda _: None)

    monkeypatch.setattr("mcu.rtc.sender.Spread", Noted)
    with Viewers(clock := HeldClock()) as viewer:
        fanout = VideoFanout(IDENTITY, "VP8", clock)
        for _ in range(3):
            fanout.add(viewer().downlink)
        for frame in make_frames("VP8", 4):
            fanout.write(frame)
    assert spreads == [3]

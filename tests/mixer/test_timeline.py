"""Time is exact over days, and streams of one person meet."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.timeline import (
    NS_PER_S,
    MinimumFilter,
    RtpUnwrapper,
    SenderClock,
    StreamClock,
    Timeline,
    rtp_time,
)

MS = 1_000_000
DAY_TICKS = 30 * 86_400
START_NS = 5_000_000_123


def ntp(seconds: float) -> int:
    return round(seconds * 2**32)


@given(n=st.integers(0, 100 * DAY_TICKS), fps=st.sampled_from([1, 7, 15, 24, 25, 30, 48, 60]))
@settings(max_examples=100, deadline=None)
def test_canvas_ticks_stay_within_a_nanosecond_of_the_exact_fraction(n: int, fps: int) -> None:
    timeline = Timeline(START_NS, fps)
    due_ns = timeline.canvas_tick_ns(n)
    assert 0 <= START_NS + Fraction(n * NS_PER_S, fps) - due_ns < 1
    assert timeline.canvas_tick_at(due_ns) == n
    assert timeline.canvas_tick_at(due_ns - 1) == n - 1


@given(n=st.integers(0, 100 * 50 * 86_400))
@settings(max_examples=50, deadline=None)
def test_sound_ticks_are_960_rtp_units_apart_for_ever(n: int) -> None:
    timeline = Timeline(START_NS, 30)
    due_ns = timeline.sound_tick_ns(n)
    assert timeline.sound_tick_at(due_ns) == n
    assert timeline.sound_tick_at(due_ns + 19_999_999) == n
    assert timeline.sound_tick_at(due_ns - 1) == n - 1
    step = rtp_time(timeline.sound_tick_ns(n + 1), 48_000, 77) - rtp_time(due_ns, 48_000, 77)
    assert step % 2**32 == 960


def test_a_day_of_thirty_pictures_a_second_ends_on_the_day() -> None:
    timeline = Timeline(0, 30)
    assert timeline.canvas_tick_ns(DAY_TICKS) == 86_400 * NS_PER_S
    assert rtp_time(timeline.canvas_tick_ns(DAY_TICKS), 90_000) == (86_400 * 90_000) % 2**32


def test_a_view_without_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        Timeline(0, 0)


def test_a_timestamp_wraps_and_starts_at_its_origin() -> None:
    assert rtp_time(0, 90_000, 2**32 - 1) == 2**32 - 1
    assert rtp_time(NS_PER_S, 90_000, 2**32 - 90_000) == 0


@given(start=st.integers(0, 2**32 - 1), steps=st.lists(st.integers(-90_000, 200_000), max_size=60))
@settings(max_examples=100, deadline=None)
def test_unwrapping_follows_steps_in_both_directions_across_wraps(start: int, steps: list[int]) -> None:
    unwrapper = RtpUnwrapper(max_step=450_000)
    first = value = unwrapper.unwrap(start)
    highest = true = 0
    for step in steps:
        # Reordering reaches back from the newest by a bounded distance.
        true = max(highest - 400_000, true + step)
        highest = max(highest, true)
        value = unwrapper.unwrap((start + true) % 2**32)
        assert value - first == true
    assert unwrapper.anchors == 1


def test_a_jump_begins_anew_right_behind_the_highest() -> None:
    unwrapper = RtpUnwrapper(max_step=1_000)
    unwrapper.unwrap(5_000)
    assert unwrapper.peek(3_000_000_000) is None
    assert unwrapper.unwrap(3_000_000_000) == 5_001
    assert unwrapper.unwrap(3_000_000_100) == 5_101
    assert unwrapper.anchors == 2


def test_the_minimum_forgets_what_is_older_than_its_window() -> None:
    fastest = MinimumFilter(8 * NS_PER_S)
    assert fastest.add(5, 0) == 5
    assert fastest.add(50, 4 * NS_PER_S) == 5
    assert fastest.add(40, 8 * NS_PER_S) == 5
    assert fastest.add(60, 10 * NS_PER_S) == 40
    assert fastest.add(70, 100 * NS_PER_S) == 70


def test_a_stream_without_reports_is_placed_by_its_fastest_packet() -> None:
    clock = StreamClock(48_000)
    for n, late_ms in enumerate([30, 5, 0, 12, 40]):
        clock.arrived(n * 960, NS_PER_S + (n * 20 + late_ms) * MS)
    assert clock.room_ns(0) == NS_PER_S
    assert clock.room_ns(10 * 960) == NS_PER_S + 200 * MS
    assert not clock.synchronised


def send_together(video_late_ms: int, *, ppm: float = 0.0, seconds: int = 30) -> tuple[StreamClock, StreamClock, int]:
    """A microphone and a camera sampled together, the camera's frames held back before they are sent."""
    sender = SenderClock()
    audio, video = StreamClock(48_000, sender), StreamClock(90_000, sender)
    rate = 1 + ppm / 1e6
    for n in range(seconds * 50):
        captured_ns = n * 20 * MS
        sent_ns = NS_PER_S + captured_ns
        sampled_s = captured_ns / NS_PER_S * rate
        audio.arrived((17 + round(sampled_s * 48_000)) % 2**32, sent_ns + 20 * MS)
        video.arrived((2**32 - 999 + round(sampled_s * 90_000)) % 2**32, sent_ns + (20 + video_late_ms) * MS)
        if n % 50 == 10:
            wall = ntp(3_900_000_000 + sampled_s)
            audio.reported(wall, (17 + round(sampled_s * 48_000)) % 2**32, sent_ns + 20 * MS)
            video.reported(wall, (2**32 - 999 + round(sampled_s * 90_000)) % 2**32, sent_ns + 25 * MS)
    return audio, video, seconds


@pytest.mark.parametrize("ppm", [0.0, 300.0, -300.0])
def test_lips_and_voice_meet_although_pictures_are_sent_late(ppm: float) -> None:
    audio, video, seconds = send_together(video_late_ms=180, ppm=ppm)
    sampled_s = seconds * (1 + ppm / 1e6)
    heard_ns = audio.room_ns((17 + round(sampled_s * 48_000)) % 2**32)
    seen_ns = video.room_ns((2**32 - 999 + round(sampled_s * 90_000)) % 2**32)
    assert heard_ns is not None
    assert seen_ns is not None
    assert abs(heard_ns - seen_ns) < 1 * MS
    true_ns = NS_PER_S + seconds * NS_PER_S + 20 * MS
    assert abs(heard_ns - true_ns) < 12 * MS


def test_absurd_reports_are_not_believed() -> None:
    clock = StreamClock(48_000)
    assert not clock.reported(ntp(100), 0, NS_PER_S)
    for n in range(50):
        clock.arrived(n * 960, NS_PER_S + n * 20 * MS)
    now_ns = 2 * NS_PER_S
    assert not clock.reported(0, 48_000, now_ns)
    assert not clock.reported(ntp(100), 3_000_000_000, now_ns)
    assert clock.reported(ntp(100), 48_000, now_ns)
    # Timestamp and wall clock disagree by four seconds with everything that arrived.
    assert not clock.reported(ntp(100.5), 48_000 * 5, now_ns + 500 * MS)
    assert clock.rejected_reports == 4
    assert clock.room_ns(48_000) == 2 * NS_PER_S


def test_a_wall_clock_that_is_set_does_not_throw_the_stream() -> None:
    sender = SenderClock()
    clock = StreamClock(48_000, sender)
    for n in range(100):
        clock.arrived(n * 960, NS_PER_S + n * 20 * MS)
    assert clock.reported(ntp(100), 96_000, 3 * NS_PER_S)
    believed = [clock.synchronised]
    # Another stream of the person reports first after the clock went back an hour.
    sender.reported(round(-3_500 * NS_PER_S), 3_100 * MS)
    believed.append(clock.synchronised)
    assert believed == [True, False]
    assert clock.room_ns(96_000) == 3 * NS_PER_S
    assert clock.reported(ntp(1_000), 100_800, 3_100 * MS)
    assert clock.room_ns(100_800) == 3_100 * MS


def test_old_reports_are_dropped_for_arrivals() -> None:
    clock = StreamClock(48_000)
    clock.arrived(0, NS_PER_S)
    assert clock.reported(ntp(50), 0, NS_PER_S)
    for n in range(1, 40):
        clock.arrived(n * 48_000, (1 + n) * NS_PER_S)
    assert not clock.synchronised
    assert clock.room_ns(39 * 48_000) == 40 * NS_PER_S


def test_a_timestamp_far_from_the_stream_has_no_place() -> None:
    clock = StreamClock(90_000)
    assert clock.room_ns(0) is None
    clock.arrived(1_000, NS_PER_S)
    assert clock.room_ns(2_000_000_000) is None
    assert clock.arrived(2_000_000_000, 9 * NS_PER_S) == 9 * NS_PER_S

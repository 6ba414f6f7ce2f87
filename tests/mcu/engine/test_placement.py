"""Where rooms go, and how long a worker that dies again and again is waited for."""

import pytest

from mcu.clock import NS_PER_S
from mcu.engine.frames import Figures
from mcu.engine.placement import LONGEST_DELAY_NS, STEADY_NS, Backoff, Losses, least_loaded, load


def test_the_busy_worker_gets_no_more() -> None:
    busy, idle = Figures(rooms=1, cpu_share=0.9), Figures(rooms=2, cpu_share=0.1)
    assert least_loaded({1: load(busy, 1), 2: load(idle, 2)}) == 2


def test_rooms_too_new_to_be_measured_count() -> None:
    loads = {1: load(Figures(), 1), 2: load(Figures(), 0)}
    assert least_loaded(loads) == 2
    assert load(Figures(participants=100), 1) > load(Figures(participants=2), 1)


def test_of_equals_the_first() -> None:
    assert least_loaded({2: 0.5, 1: 0.5}) == 1
    with pytest.raises(ValueError, match="empty"):
        least_loaded({})


def test_the_first_restart_is_at_once_and_later_ones_take_longer() -> None:
    backoff = Backoff()
    waits_s = [backoff.next_ns(0) / NS_PER_S for _ in range(12)]
    assert waits_s[:5] == [0, 0.5, 1, 2, 4]
    assert max(waits_s) == LONGEST_DELAY_NS / NS_PER_S
    assert waits_s == sorted(waits_s)


def test_a_steady_life_is_a_new_beginning() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.next_ns(0)
    assert backoff.next_ns(STEADY_NS) == 0


def test_three_losses_in_a_minute_are_too_many() -> None:
    losses = Losses()
    assert [losses.too_many(at_s * NS_PER_S) for at_s in (0, 30, 59)] == [False, False, True]
    losses = Losses()
    assert [losses.too_many(at_s * NS_PER_S) for at_s in (0, 30, 61, 80)] == [False, False, False, True]

"""What a room gives up under load, when, and what people then see of it."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.protocol.events import Event, LoadChanged
from mcu.protocol.load import LoadReason
from mcu.room import governor
from mcu.room.governor import STEPS, Governor, Step, Strain
from tests.mcu.room.meeting import open_room, running_engine

CALM = Strain()
LATE = Strain(late=0.8)


def judged(one: Governor, strain: Strain, seconds: range) -> list[tuple[int, Step]]:
    """The steps taken in these seconds, all alike."""
    steps = [(second, one.judge(strain, second * NS_PER_S)) for second in seconds]
    return [(second, step) for second, step in steps if step is not None]


@pytest.mark.parametrize(
    ("strain", "reason"),
    [
        (Strain(late=0.6), "pictures_late"),
        (Strain(skipped=1), "pictures_late"),
        (Strain(dropped=0.2, late=0.6), "encoder_late"),
        (Strain(lag_ns=150 * NS_PER_MS), "loop_late"),
        (Strain(late=0.4, dropped=0.05, lag_ns=90 * NS_PER_MS), None),
    ],
)
def test_what_is_late_is_the_reason(strain: Strain, reason: LoadReason | None) -> None:
    assert strain.trouble == reason
    assert not strain.calm


def test_a_bad_second_or_two_change_nothing() -> None:
    one = Governor(0)
    assert judged(one, LATE, range(5, 7)) == []
    assert judged(one, CALM, range(7, 8)) == []
    assert judged(one, LATE, range(8, 10)) == []
    assert one.level == 0


def test_lasting_strain_goes_down_step_by_step_to_the_last_one() -> None:
    one = Governor(0)
    taken = judged(one, LATE, range(1, 60))
    assert [step.level for _, step in taken] == [*range(1, len(STEPS))]
    assert {step.reason for _, step in taken} == {"pictures_late"}
    seconds = [second for second, _ in taken]
    assert all(later - earlier >= 4 for earlier, later in pairwise(seconds))


def test_calm_takes_back_one_step_after_the_other() -> None:
    one = Governor(0)
    judged(one, LATE, range(1, 9))
    assert one.level == 2
    taken = judged(one, CALM, range(9, 60))
    assert [(step.level, step.reason) for _, step in taken] == [(1, "recovered"), (0, "recovered")]
    assert taken[0][0] >= 8 + 10


def test_between_strain_and_calm_all_stays() -> None:
    one = Governor(0)
    judged(one, LATE, range(1, 6))
    assert one.level == 1
    assert judged(one, Strain(late=0.3), range(6, 200)) == []


def test_what_goes_wrong_again_is_tried_after_ever_longer_calm() -> None:
    one = Governor(0)
    second, waits = 1, []
    for _ in range(4):
        while one.judge(LATE, second * NS_PER_S) is None:
            second += 1
        down = second
        while one.judge(CALM, second * NS_PER_S) is None:
            second += 1
        waits.append(second - down)
        second += 1
    assert waits == sorted(waits)
    assert waits[-1] >= 4 * waits[0]


async def test_a_room_under_load_shows_fewer_pictures_and_tiles_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(governor, "SETTLE_NS", 0)
    monkeypatch.setattr(governor, "JUDGE_NS", -1)
    monkeypatch.setattr(governor, "STRAINED_ROUNDS", 1)
    strain = LATE
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        monkeypatch.setattr(room.governor, "_strain", lambda: strain)
        told: list[Event] = []
        news = room.events()

        async def listen() -> None:
            told.extend([event async for event in news])

        listening = asyncio.create_task(listen())
        try:
            for _ in STEPS:
                room.governor.look(0)
            assert room.governor.level == len(STEPS) - 1
            composite, outputs = room.views.main.composite, room.views.main.outputs
            assert (composite.every, composite.most_tiles, room.qualities.best, outputs.effort) == (
                2,
                4,
                "medium",
                "less",
            )
            page = await engine.metrics()
            assert 'mcu_load_level{room="room"} 5.0' in page
            assert 'mcu_load_moves_total{reason="pictures_late",room="room"} 5.0' in page
            monkeypatch.setattr(governor, "FIRST_HOLD_NS", 0)
            monkeypatch.setattr(room.governor._governor, "_hold_ns", 0)
            strain = CALM
            for _ in STEPS:
                room.governor.look(0)
            assert room.governor.level == 0
            assert (composite.every, composite.most_tiles, room.qualities.best, outputs.effort) == (
                1,
                None,
                "high",
                "full",
            )
        finally:
            await engine.close_room("room")
            await asyncio.wait_for(listening, 5)
        loads = [event for event in told if isinstance(event, LoadChanged)]
        assert [event.step for event in loads[:5]] == ["preset", "rate", "tiers", "tiles_9", "tiles_4"]
        assert (loads[-1].step, loads[-1].reason) == ("none", "recovered")

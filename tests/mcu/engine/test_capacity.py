"""What fits by the figures, and who is turned away."""

from datetime import UTC, datetime

import pytest

from mcu.engine.capacity import Costs, Machine, expected, judge, needed, refused
from mcu.protocol.models import RoomInfo, ViewSpec

COSTS = Costs(view=0.4, seen=0.02, person=0.01)


def room(participants: int, *views: ViewSpec) -> RoomInfo:
    return RoomInfo(
        name="r",
        capacity=100,
        participants=participants,
        views=views or (ViewSpec(),),
        recording=False,
        metadata={},
        created_at=datetime.now(UTC),
    )


def test_a_room_costs_its_pixels_its_tiles_and_its_people() -> None:
    assert needed(COSTS, 5, height=720) == pytest.approx(0.4 + 5 * 0.02 + 5 * 0.01)
    assert needed(COSTS, 5, height=360) == pytest.approx(0.1 + 5 * 0.03)
    assert needed(COSTS, 5, height=720, fps=50) == pytest.approx(0.8 + 5 * 0.03)
    assert needed(COSTS, 5, height=720, joining=True) == pytest.approx(5 * 0.03)
    assert needed(COSTS, 100, height=720) == pytest.approx(0.4 + 16 * 0.02 + 100 * 0.01)


def test_rooms_are_expected_to_cost_what_they_will_when_everybody_sends() -> None:
    half = ViewSpec(name="half", width=640, height=720)
    assert expected(COSTS, [room(2), room(0), room(20, ViewSpec(), half)]) == pytest.approx(
        (0.4 + 2 * 0.03) + (0.4 + 0.2 + 16 * 0.02 + 20 * 0.01)
    )


@pytest.mark.parametrize(
    ("busy", "rooms", "costs", "max_load", "fits", "turned_away"),
    [
        (0.5, 0, COSTS, 0.8, True, False),
        (1.3, 0, COSTS, 0.8, False, True),
        (0.1, 3, COSTS, 0.8, False, True),  # three rooms that have just been opened
        (1.3, 0, None, 0.8, False, False),  # an estimate alone turns nobody away
        (1.7, 0, None, 0.8, False, True),
        (1.9, 0, COSTS, None, False, False),
    ],
)
def test_who_is_turned_away(
    busy: float, rooms: int, costs: Costs | None, max_load: float | None, fits: bool, turned_away: bool
) -> None:
    machine = Machine(2, busy)
    found = judge(machine, [room(2)] * rooms, 0.45, 5, costs, max_load)
    assert (found.fits, refused(machine, found)) == (fits, turned_away)
    assert (found.calibrated, found.enforced) == (costs is not None, max_load is not None)
    assert found.cores_needed == 0.45


def test_reasons_say_what_is_not_known_and_what_is_not_done() -> None:
    said = " ".join(judge(Machine(2, 0.5), [], 0.45, 5, None, None).reasons)
    assert "0.50 of 2 cores" in said
    assert "mcu bench calibrate" in said
    assert "limits.max_load" in said
    known = " ".join(judge(Machine(2, 0.5), [], 0.45, 5, COSTS, 0.8).reasons)
    assert "calibrate" not in known
    assert "nobody is refused" not in known

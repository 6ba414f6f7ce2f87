"""A view's layout over time, on a clock that the test moves."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.errors import Conflict, LayoutChanged, NotFound, Unprocessable
from mcu.protocol import commands as c
from mcu.protocol.events import Event, LayoutChangedEvent, LayoutDropped, LayoutScheduled
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.versions import ScheduledLayout
from mcu.room.layout import VersionedLayout
from mcu.room.layout_desk import LayoutDesk
from mixer.timeline import Timeline
from tests.kit.clock import WALL_START_NS, FakeClock

FPS = 10
TICK_MS = 1000 // FPS


class Office:
    """A desk, who is in its room, and what it said and did."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.people = {"ada"}
        self.events: list[Event] = []
        self.changes = 0
        timeline = Timeline(self.clock.now_ns(), FPS)
        self.desk = LayoutDesk(
            "main",
            VersionedLayout(self.after(0)),
            self.clock,
            timeline=lambda: timeline,
            present=lambda who: who in self.people,
            on_change=self._changed,
            emit=self.events.append,
        )

    def _changed(self) -> None:
        self.changes += 1

    @property
    def gap(self) -> int:
        return self.desk.layout.state.layout.gap

    def after(self, ms: float) -> datetime:
        """The wall time so long after the beginning."""
        return datetime.fromtimestamp(WALL_START_NS // NS_PER_S, UTC) + timedelta(milliseconds=ms)

    def put(self, at_ms: float | None = None, **layout: Any) -> Any:
        at = None if at_ms is None else self.after(at_ms)
        return self.desk.carry_out(c.SetLayout(layout=Layout.model_validate({**layout, "at": at}), by="ada"))

    def patch(self, at_ms: float | None = None, **patch: Any) -> Any:
        at = None if at_ms is None else self.after(at_ms)
        return self.desk.carry_out(c.MergeLayout(patch={**patch, "at": at and at.isoformat()}, by="ada"))

    def at(self, ms: float) -> None:
        """The desk's timer goes off so long after the beginning."""
        self.clock.advance_to(1_000 * NS_PER_S + round(ms * NS_PER_MS))
        self.desk.apply_due()


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    office = Office()
    yield office
    office.desk.close()


async def test_a_scheduled_change_shows_in_the_first_tick_at_its_time_or_later(office: Office) -> None:
    pending = office.put(at_ms=250, gap=1)
    assert isinstance(pending, ScheduledLayout)
    assert office.events == [LayoutScheduled(view="main", change=pending)]
    office.at(200 + TICK_MS / 2 - 1)
    assert (office.gap, office.changes) == (8, 0)
    office.at(300 - TICK_MS / 2)
    assert (office.gap, office.changes) == (1, 1)
    state = office.desk.layout.state
    assert office.events[1:] == [LayoutChangedEvent(view="main", state=state, by="ada", scheduled=pending.id)]
    assert office.desk.layout.history.versions[0].scheduled == pending.id


async def test_a_change_for_the_very_time_of_a_tick_shows_in_that_tick(office: Office) -> None:
    office.put(at_ms=300, gap=1)
    office.at(300 - TICK_MS / 2 - 1)
    assert office.gap == 8
    office.at(300 - TICK_MS / 2)
    assert office.gap == 1


async def test_changes_come_in_the_order_of_their_times(office: Office) -> None:
    office.put(at_ms=2000, gap=2)
    office.put(at_ms=1000, gap=1, max_tiles=4)
    office.patch(at_ms=1000, labels=False)
    office.at(5000)
    gaps = [event.state.layout.gap for event in office.events if isinstance(event, LayoutChangedEvent)]
    assert gaps == [1, 1, 2]
    merged = office.desk.layout.history.versions[1].layout
    assert (merged.gap, merged.max_tiles, merged.labels) == (1, 4, False)


async def test_a_scheduled_merge_keeps_what_was_changed_meanwhile(office: Office) -> None:
    office.patch(at_ms=1000, gap=1)
    office.put(labels=False, gap=5)
    office.at(1000)
    layout = office.desk.layout.state.layout
    assert (layout.gap, layout.labels) == (1, False)


async def test_a_wall_clock_that_is_set_moves_what_is_scheduled(office: Office) -> None:
    office.put(at_ms=60_000, gap=1)
    office.at(1000)
    assert office.gap == 8
    office.clock.set_wall(WALL_START_NS + 60_000 * NS_PER_MS)
    office.desk.apply_due()
    assert office.gap == 1


async def test_a_change_whose_pinned_person_left_is_dropped(office: Office) -> None:
    pending = office.put(at_ms=1000, pinned="ada", gap=1)
    office.put(at_ms=1000, gap=2)
    office.people.clear()
    office.at(1000)
    (dropped,) = [event for event in office.events if isinstance(event, LayoutDropped)]
    assert dropped.change == pending
    assert "ada" in dropped.reason
    assert office.gap == 2


async def test_a_cancelled_change_never_comes(office: Office) -> None:
    pending = office.put(at_ms=1000, gap=1)
    office.desk.carry_out(c.CancelScheduledLayout(id=pending.id))
    assert office.events[-1] == LayoutDropped(view="main", change=pending, reason="cancelled")
    office.at(2000)
    assert office.gap == 8
    with pytest.raises(NotFound):
        office.desk.carry_out(c.CancelScheduledLayout(id=pending.id))


async def test_a_pin_may_outlast_its_owner_but_nobody_is_pinned_who_is_not_here(office: Office) -> None:
    office.put(pinned="ada")
    office.people.clear()
    office.patch(gap=4)
    assert office.desk.layout.state.layout.pinned == "ada"
    with pytest.raises(Unprocessable):
        office.patch(pinned="bob")


async def test_a_lost_race_changes_nothing_and_tells_nobody(office: Office) -> None:
    old = office.desk.layout.state.etag
    assert isinstance(office.put(gap=1), LayoutState)
    heard = len(office.events)
    for command in (
        c.SetLayout(layout=Layout(gap=2), if_match=old),
        c.MergeLayout(patch={"gap": 2}, if_match=old),
        c.UndoLayout(if_match=old),
    ):
        with pytest.raises(LayoutChanged):
            office.desk.carry_out(command)
    assert (office.gap, len(office.events), office.changes) == (1, heard, 1)


async def test_undo_goes_back_as_far_as_there_are_changes(office: Office) -> None:
    for gap in range(1, 61):
        office.put(gap=gap)
    for gap in range(59, 10, -1):
        office.desk.carry_out(c.UndoLayout(by="bob"))
        assert office.gap == gap
    with pytest.raises(Conflict):
        office.desk.carry_out(c.UndoLayout())
    assert office.desk.layout.history.versions[0].by == "bob"
    assert isinstance(office.events[-1], LayoutChangedEvent)


async def test_an_equal_layout_is_a_new_version_but_no_step_to_undo(office: Office) -> None:
    first = office.put(gap=1).etag
    assert office.put(gap=1).etag != first
    office.desk.carry_out(c.UndoLayout())
    assert office.gap == 8

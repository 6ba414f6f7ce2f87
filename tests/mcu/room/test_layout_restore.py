"""A layout that is put into a new room goes on where it was, through anything a restart can do to it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcu.errors import Conflict
from mcu.protocol import commands as c
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.versions import MAX_VERSIONS, LayoutHistory, ScheduledLayouts
from tests.mcu.room.meeting import ask, open_room, running_engine
from tests.mcu.room.test_layout_desk import Office

BOUND_S = 20.0


@pytest.fixture
async def before() -> AsyncIterator[Office]:
    office = Office()
    yield office
    office.desk.close()


@pytest.fixture
async def after() -> AsyncIterator[Office]:
    office = Office()
    yield office
    office.desk.close()


def restored(before: Office) -> c.RestoreLayout:
    """What the store would hand on, by way of JSON as everything it keeps."""
    history, waiting = before.desk.carry_out(c.GetLayoutHistory()), before.desk.carry_out(c.ListScheduledLayouts())
    assert isinstance(history, LayoutHistory)
    assert isinstance(waiting, ScheduledLayouts)
    command = c.RestoreLayout(versions=history.versions, scheduled=waiting.scheduled)
    return c.RestoreLayout.model_validate_json(command.model_dump_json())


async def test_layout_etag_history_and_schedule_go_on(before: Office, after: Office) -> None:
    before.put(gap=1)
    before.put(gap=2, pinned="ada")
    before.put(at_ms=5000, gap=9)
    after.people.clear()
    state = after.desk.carry_out(restored(before))
    assert state == before.desk.layout.state
    assert after.desk.layout.history == before.desk.layout.history
    assert after.desk.carry_out(c.ListScheduledLayouts()) == before.desk.carry_out(c.ListScheduledLayouts())
    assert after.changes == 1
    assert after.events == []
    after.at(4900)
    assert after.gap == 2
    after.at(5000)
    assert after.gap == 9
    number = before.desk.layout.version
    assert after.desk.layout.history.versions[0].number == number + 1


async def test_undo_goes_back_as_it_would_have(before: Office, after: Office) -> None:
    for gap in (1, 2, 2, 3):
        before.put(gap=gap)
    before.desk.carry_out(c.UndoLayout())
    before.put(gap=4)
    assert before.desk.layout.history.versions[1].undo
    after.desk.carry_out(restored(before))
    gaps = []
    for _ in range(3):
        for office in (before, after):
            office.desk.carry_out(c.UndoLayout())
        assert after.desk.layout.state.layout == before.desk.layout.state.layout
        gaps.append(after.gap)
    assert gaps == [2, 1, 8]


async def test_undo_ends_where_the_history_does(before: Office, after: Office) -> None:
    for gap in range(60):
        before.put(gap=gap)
    after.desk.carry_out(restored(before))
    for _ in range(MAX_VERSIONS - 1):
        after.desk.carry_out(c.UndoLayout())
    assert after.gap == 60 - MAX_VERSIONS
    with pytest.raises(Conflict):
        after.desk.carry_out(c.UndoLayout())
    again = Office()
    again.desk.carry_out(restored(after))
    with pytest.raises(Conflict):
        again.desk.carry_out(c.UndoLayout())


async def test_what_was_due_meanwhile_is_made_at_once_and_in_order(before: Office, after: Office) -> None:
    before.put(at_ms=1000, gap=1)
    before.patch(at_ms=2000, margin=7)
    before.put(at_ms=60_000, gap=6)
    command = restored(before)
    after.clock.advance(ms=30_000)
    after.desk.carry_out(command)
    async with asyncio.timeout(BOUND_S):
        while len(after.events) < 2:  # noqa: ASYNC110 - a list has no event
            await asyncio.sleep(0)
    layout = after.desk.layout.state.layout
    assert (layout.gap, layout.margin) == (1, 7)
    waiting = after.desk.carry_out(c.ListScheduledLayouts())
    assert isinstance(waiting, ScheduledLayouts)
    assert len(waiting.scheduled) == 1


async def test_a_real_room_takes_a_layout_whose_plugin_is_gone(tmp_path: Path) -> None:
    office = Office()
    office.put(gap=3)
    command = restored(office)
    newest = command.versions[0].model_copy(update={"layout": Layout(preset="plugin:none", gap=5), "etag": "7-abc"})
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        state = await ask(room, c.RestoreLayout(versions=(newest, *command.versions)), LayoutState)
        assert (state.etag, state.layout.gap) == ("7-abc", 5)
        assert (await ask(room, c.UndoLayout(), LayoutState)).layout.gap == 3

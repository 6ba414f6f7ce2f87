"""A running room keeps the times of its layout by its own timer."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcu.protocol.commands import (
    CreateView,
    DeleteView,
    Join,
    Joined,
    Leave,
    ListScheduledLayouts,
    MergeLayout,
    SetLayout,
    UndoLayout,
)
from mcu.protocol.events import LayoutChangedEvent, LayoutDropped
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import ViewSpec
from mcu.protocol.versions import ScheduledLayout, ScheduledLayouts
from mixer.layouts.arrange import LayoutSpec
from tests.mcu.room.meeting import ask, next_event, open_room, running_engine

PATIENCE_S = 10


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(milliseconds=400)


async def test_a_room_makes_a_scheduled_change_by_itself_and_undoes_it(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        events = room.events()
        at = soon()
        pending = await ask(
            room, MergeLayout(patch={"preset": "speaker", "at": at.isoformat()}, by="ada"), ScheduledLayout
        )
        async with asyncio.timeout(PATIENCE_S):
            changed = await next_event(events, "layout_changed")
        assert isinstance(changed, LayoutChangedEvent)
        assert (changed.scheduled, changed.by, changed.state.layout.preset) == (pending.id, "ada", "speaker")
        assert datetime.now(UTC) >= at - timedelta(milliseconds=50)  # half a tick of ten a second
        assert room.pictures.snapshot_of_room.layouts["main"] == LayoutSpec(preset="speaker")
        undone = await ask(room, UndoLayout(if_match=changed.state.etag), LayoutState)
        assert undone.layout == Layout()
        assert room.pictures.snapshot_of_room.layouts["main"] == LayoutSpec()


async def test_a_room_drops_the_change_whose_pinned_person_left(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        events = room.events()
        ada = (await ask(room, Join(name="Ada"), Joined)).participant.id
        change = SetLayout(layout=Layout(preset="spotlight", pinned=ada, at=soon()))
        pending = await ask(room, change, ScheduledLayout)
        await room.call(Leave(participant=ada))
        async with asyncio.timeout(PATIENCE_S):
            dropped = await next_event(events, "layout_dropped")
        assert isinstance(dropped, LayoutDropped)
        assert dropped.change == pending
        assert room.pictures.snapshot_of_room.layouts["main"].preset == "grid"


async def test_what_waits_for_a_view_goes_with_it(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        side = ViewSpec(name="side", width=320, height=180, fps=10)
        await room.call(CreateView(spec=side))
        patch = {"preset": "pip", "at": soon().isoformat()}
        await ask(room, MergeLayout(view="side", patch=patch), ScheduledLayout)
        await room.call(DeleteView(view="side"))
        await room.call(CreateView(spec=side))
        events = room.events()
        assert await ask(room, ListScheduledLayouts(view="side"), ScheduledLayouts) == ScheduledLayouts(scheduled=())
        await ask(room, MergeLayout(patch={"gap": 1, "at": soon().isoformat()}), ScheduledLayout)
        async with asyncio.timeout(PATIENCE_S):
            changed = await next_event(events, "layout_changed")
        assert isinstance(changed, LayoutChangedEvent)
        assert changed.view == "main"  # the one of the view that went was due before it

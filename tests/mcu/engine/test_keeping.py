"""Rooms survive their server, and what happened in them is told in order, whatever the store and the engine do.

A server that is killed is an engine nobody closes: what it wrote is what the next one finds.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from mcu.engine import watched as watched_module
from mcu.engine.engine import RoomHandle
from mcu.engine.keeping import KeepingEngine
from mcu.engine.news import News, RoomEnded, RoomOpened
from mcu.errors import Conflict, NoCapacity, NotFound, StoreUnavailable
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.access import RoomChanges, UpdateRoom
from mcu.protocol.decor import Banner, LogoPlace, ViewDecor
from mcu.protocol.groups import GroupList, GroupSpec, ListGroups, SetGroup
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomInfo, RoomSpec, ViewChanges, ViewSpec
from mcu.protocol.versions import LayoutHistory, ScheduledLayout, ScheduledLayouts
from mcu.store import journal as journal_module
from mcu.store.interfaces import NewEntry
from mcu.store.store import Store
from tests.kit.engine import FakeEngine, FakeRoom
from tests.kit.store import FrailStore

BOUND_S = 20.0
SPEC = RoomSpec(name="team", capacity=7, metadata={"topic": "tea"}, defined=True)
ADA = c.Join(name="Ada", identity="ada")

R = TypeVar("R", bound=c.Reply)


def announcer(room: str, news: News, person: ParticipantInfo | None) -> Sequence[NewEntry]:
    """What happened in one word and a detail."""
    match news:
        case RoomOpened():
            said = "opened"
        case RoomEnded():
            said = f"closed {news.reason}"
        case e.ParticipantJoined():
            said = f"joined {news.participant.name}"
        case e.ParticipantLeft():
            said = f"left {person.name if person else news.id}"
        case e.RecordingChanged():
            said = f"recording {news.recording.state}"
        case _:
            return ()
    return [NewEntry("hook", room, said, "{}", 0)]


class House:
    """A store, and the servers that use it one after the other."""

    def __init__(self, directory: Path, store: FrailStore, stack: AsyncExitStack) -> None:
        self.store = store
        self.rooms = FakeEngine(directory)
        self._directory = directory
        self._stack = stack

    async def server(self, *permanent: RoomSpec, max_rooms: int = 10) -> KeepingEngine:
        """The next server; the one before it is as good as killed."""
        self.rooms = FakeEngine(self._directory, max_rooms)
        engine = KeepingEngine(self.rooms, self.store, announcer)
        self._stack.push_async_callback(engine.close)
        await engine.load()
        for spec in permanent:
            await engine.open(spec)
        await engine.reopen()
        return engine

    async def told(self, room: str = "team") -> list[str]:
        async with self.store.read() as unit:
            return [entry.event for entry in await unit.outbox.lane("hook", room, 1000)]

    async def kept(self) -> list[str]:
        async with self.store.read() as unit:
            return [record.name for record in await unit.rooms.all()]


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(journal_module, "RETRY_S", (0.005,))
    async with AsyncExitStack() as stack:
        store = await Store.open("memory")
        stack.push_async_callback(store.close)
        yield House(tmp_path, FrailStore(store), stack)


async def ask(room: RoomHandle, command: c.Command, reply: type[R]) -> R:
    answer = await room.call(command)
    assert isinstance(answer, reply), answer
    return answer


async def found(engine: KeepingEngine, name: str = "team") -> RoomHandle:
    room = await engine.find(name)
    assert room is not None
    return room


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND_S):
        while not holds():  # noqa: ASYNC110 - what is waited for is in fakes without events
            await asyncio.sleep(0.001)


async def settled(engine: KeepingEngine) -> None:
    """Every room's news was heard, and stored."""
    for _ in range(10):
        await asyncio.sleep(0)
    await engine.journal.settled()


async def test_a_room_is_there_again_with_views_layouts_and_what_is_scheduled(house: House) -> None:
    room = await (await house.server()).open(SPEC)
    await room.call(c.CreateView(spec=ViewSpec(name="side", width=640)))
    await room.call(c.UpdateView(view="main", changes=ViewChanges(height=1080)))
    await room.call(c.SetLayout(layout=Layout(gap=1), by="ada"))
    state = await ask(room, c.SetLayout(layout=Layout(gap=2), by="ada"), LayoutState)
    later = Layout.model_validate({"gap": 3, "at": "2090-01-01T00:00:00Z"})
    change = await ask(room, c.SetLayout(view="side", layout=later), ScheduledLayout)

    again = await found(await house.server())
    info = await ask(again, c.GetRoom(), RoomInfo)
    assert (info.capacity, info.metadata) == (7, {"topic": "tea"})
    assert [(view.name, view.width, view.height) for view in info.views] == [("main", 1280, 1080), ("side", 640, 720)]
    assert await ask(again, c.GetLayout(), LayoutState) == state
    history = await ask(again, c.GetLayoutHistory(), LayoutHistory)
    assert [version.layout.gap for version in history.versions] == [2, 1, 8]
    waiting = await ask(again, c.ListScheduledLayouts(view="side"), ScheduledLayouts)
    assert waiting.scheduled == (change,)

    await again.call(c.CancelScheduledLayout(view="side", id=change.id))
    await again.call(c.UndoLayout())
    third = await found(await house.server())
    assert (await ask(third, c.GetLayout(), LayoutState)).layout.gap == 1
    assert (await ask(third, c.ListScheduledLayouts(view="side"), ScheduledLayouts)).scheduled == ()


async def test_what_a_view_wears_and_groups_hear_is_there_again(house: House) -> None:
    room = await (await house.server()).open(SPEC)
    await room.call(c.CreateView(spec=ViewSpec(name="side")))
    await room.call(c.SetBanner(banner=Banner(text="one")))
    await room.call(c.SetBanner(banner=Banner(text="two")))
    await room.call(c.SetBanner(view="side", banner=Banner(text="gone")))
    await room.call(c.SetBackgroundImage(view="side", image=b"a picture"))
    await room.call(c.SetLogo(image=b"a logo", place=LogoPlace(corner="bottom_left")))
    await room.call(SetGroup(group="wolves", spec=GroupSpec(hears={"sheep": -6.0})))
    await room.call(c.SetBanner(view="side", banner=Banner()))

    again = await found(await house.server())
    assert await ask(again, c.GetBanner(), Banner) == Banner(text="two")
    assert await ask(again, c.GetBanner(view="side"), Banner) == Banner()
    assert (await ask(again, c.GetDecor(), ViewDecor)).logo == LogoPlace(corner="bottom_left")
    assert (await ask(again, c.GetDecor(view="side"), ViewDecor)).background_image
    groups = (await ask(again, ListGroups(), GroupList)).groups
    assert {group.name: group.hears for group in groups}["wolves"] == {"sheep": -6.0}
    logo = next(call for call in house.rooms.open_rooms["team"].calls if isinstance(call, c.SetLogo))
    assert logo.image == b"a logo"

    await again.call(c.DeleteView(view="side"))
    await again.call(c.CreateView(spec=ViewSpec(name="side")))
    await again.call(c.SetLogo(image=None))
    third = await found(await house.server())
    assert await ask(third, c.GetDecor(view="side"), ViewDecor) == ViewDecor()
    assert await ask(third, c.GetDecor(), ViewDecor) == ViewDecor()
    assert await ask(third, c.GetBanner(), Banner) == Banner(text="two")


async def test_a_change_that_nobody_asked_for_is_kept_too(house: House) -> None:
    engine = await house.server()
    await engine.open(SPEC)
    house.rooms.open_rooms["team"].desk().carry_out(c.SetLayout(layout=Layout(gap=5)))
    await settled(engine)
    again = await found(await house.server())
    assert (await ask(again, c.GetLayout(), LayoutState)).layout.gap == 5


async def test_a_deleted_view_takes_its_layout_with_it(house: House) -> None:
    room = await (await house.server()).open(SPEC)
    for _ in range(2):
        await room.call(c.CreateView(spec=ViewSpec(name="side")))
        assert (await ask(room, c.GetLayout(view="side"), LayoutState)).layout.gap == 8
        await room.call(c.SetLayout(view="side", layout=Layout(gap=4)))
        await room.call(c.DeleteView(view="side"))
    again = await found(await house.server())
    assert len((await ask(again, c.GetRoom(), RoomInfo)).views) == 1
    await again.call(c.CreateView(spec=ViewSpec(name="side")))
    third = await found(await house.server())
    assert (await ask(third, c.GetLayout(view="side"), LayoutState)).layout.gap == 8


async def test_a_room_that_was_deleted_or_closed_for_being_empty_is_gone(house: House) -> None:
    engine = await house.server()
    for name in ("deleted", "emptied", "stays"):
        room = await engine.open(SPEC.model_copy(update={"name": name}))
        await room.call(c.SetLayout(layout=Layout(gap=1)))
    await engine.close_room("deleted")
    with pytest.raises(NotFound):
        await engine.close_room("deleted")
    await house.rooms.close_room("emptied")
    await settled(engine)
    assert await house.kept() == ["stays"]
    assert await house.told("deleted") == ["opened", "closed deleted"]
    assert await house.told("emptied") == ["opened", "closed closed"]
    engine = await house.server()
    assert await engine.find("deleted") is None
    fresh = await engine.open(SPEC.model_copy(update={"name": "emptied"}))
    assert (await ask(fresh, c.GetLayout(), LayoutState)).layout.gap == 8


async def test_news_of_two_lives_are_told_in_order(house: House) -> None:
    engine = await house.server()
    room = await engine.open(SPEC)
    await room.call(ADA)
    await settled(engine)
    killed = ["opened", "joined Ada"]
    assert await house.told() == killed
    engine = await house.server()
    assert await house.told() == [*killed, "closed lost", "opened"]
    await (await found(engine)).call(ADA)
    await engine.close()
    stopped = [*killed, "closed lost", "opened", "joined Ada", "closed server_stopped"]
    assert await house.told() == stopped
    await house.server()
    assert await house.told() == [*stopped, "opened"]


async def test_a_recording_that_a_crash_cut_off_is_told_to_have_stopped(house: House) -> None:
    engine = await house.server()
    info = await ask(await engine.open(SPEC), c.StartRecording(), RecordingInfo)
    await settled(engine)
    mended = info.model_copy(update={"state": "finished", "error": "the server stopped"})

    class Mending(FakeEngine):
        async def open(self, room: RoomSpec) -> FakeRoom:
            opened = await super().open(room)
            opened.recordings[mended.id] = mended
            return opened

    engine = KeepingEngine(Mending(Path("unused")), house.store, announcer)
    await engine.load()
    await engine.reopen()
    await engine.journal.settled()
    assert (await house.told())[2:] == ["recording finished", "closed lost", "opened"]
    async with house.store.read() as unit:
        assert await unit.recordings.of("team", 9) == [mended]
        assert await unit.recordings.running("team") == []
    await engine.close()


async def test_a_recording_of_which_nothing_is_left_is_told_to_have_failed(house: House) -> None:
    engine = await house.server()
    info = await ask(await engine.open(SPEC), c.StartRecording(), RecordingInfo)
    await settled(engine)
    await house.server()
    assert (await house.told())[2:] == ["recording failed", "closed lost", "opened"]
    async with house.store.read() as unit:
        (kept,) = await unit.recordings.of("team", 9)
    assert (kept.id, kept.state) == (info.id, "failed")


async def test_permanent_rooms_are_the_settings_business_and_keep_their_layouts(house: House) -> None:
    hall = RoomSpec(name="hall", permanent=True, capacity=10)
    room = await (await house.server(hall)).open(hall)
    await room.call(c.SetLayout(layout=Layout(gap=1)))
    wider = hall.model_copy(update={"capacity": 20, "view": ViewSpec(width=1920)})
    room = await found(await house.server(wider), "hall")
    info = await ask(room, c.GetRoom(), RoomInfo)
    assert (info.capacity, info.views[0].width) == (20, 1920)
    assert (await ask(room, c.GetLayout(), LayoutState)).layout.gap == 1
    engine = await house.server()
    assert await engine.find("hall") is None
    await engine.journal.settled()
    assert await house.kept() == []
    assert (await house.told("hall"))[-1] == "closed lost"


async def test_with_the_store_down_rooms_go_on_and_none_is_promised(house: House) -> None:
    engine = await house.server()
    room = await engine.open(SPEC)
    house.store.down = True
    state = await ask(room, c.SetLayout(layout=Layout(gap=1)), LayoutState)
    await room.call(ADA)
    with pytest.raises(StoreUnavailable):
        await engine.open(SPEC.model_copy(update={"name": "promised"}))
    assert await engine.find("promised") is None
    await engine.open(RoomSpec(name="by-join"))
    house.store.down = False
    await settled(engine)
    assert await house.kept() == ["by-join", "team"]
    assert await house.told() == ["opened", "joined Ada"]
    assert await ask(await found(await house.server()), c.GetLayout(), LayoutState) == state


async def test_a_store_that_fails_at_the_first_write_of_a_definition_leaves_no_room(house: House) -> None:
    engine = await house.server()
    house.store.down = True
    with pytest.raises(StoreUnavailable):
        await engine.open(SPEC)
    assert await engine.find("team") is None
    assert house.rooms.open_rooms == {}
    house.store.down = False
    await engine.journal.settled()
    assert await house.kept() == []


async def test_a_slow_store_makes_nobody_wait_for_long(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_module, "PATIENCE_S", 0.01)
    engine = await house.server()
    room = await engine.open(SPEC)
    house.store.pass_on.clear()
    state = await asyncio.wait_for(ask(room, c.SetLayout(layout=Layout(gap=1)), LayoutState), BOUND_S)
    await asyncio.wait_for(room.call(ADA), BOUND_S)
    assert await ask(room, c.GetLayout(), LayoutState) == state
    assert await house.told() == ["opened"]
    house.store.pass_on.set()
    await settled(engine)
    assert await house.told() == ["opened", "joined Ada"]


async def test_what_was_answered_is_stored(house: House) -> None:
    room = await (await house.server()).open(SPEC)
    assert await house.told() == ["opened"]
    await room.call(ADA)
    assert await house.told() == ["opened", "joined Ada"]
    await room.call(c.Leave(participant="ada"))
    assert await house.told() == ["opened", "joined Ada", "left Ada"]


async def test_a_watch_that_fell_behind_asks_for_what_it_missed(house: House) -> None:
    engine = await house.server()
    room = await engine.open(SPEC)
    await room.call(ADA)
    await settled(engine)
    inside = house.rooms.open_rooms["team"]
    (reader,) = inside.readers
    reader.end()
    inside.people = {"bob": inside.people["ada"].model_copy(update={"id": "bob", "name": "Bob"})}
    inside.desk().carry_out(c.SetLayout(layout=Layout(gap=5)))
    await until(lambda: bool(inside.readers))
    await settled(engine)
    await room.call(ADA)
    await settled(engine)
    assert await house.told() == ["opened", "joined Ada", "left Ada", "joined Bob", "joined Ada"]
    again = await found(await house.server())
    assert (await ask(again, c.GetLayout(), LayoutState)).layout.gap == 5


async def test_a_room_that_its_engine_lost_comes_back_as_it_was(house: House) -> None:
    engine = await house.server()
    room = await engine.open(SPEC)
    await room.call(c.SetLayout(layout=Layout(gap=5)))
    lost = house.rooms.open_rooms.pop("team")
    for reader in tuple(lost.readers):
        reader.end()
    await settled(engine)
    assert await house.told() == ["opened", "closed lost"]
    back = await engine.open(RoomSpec(name="team"))
    assert (await ask(back, c.GetRoom(), RoomInfo)).capacity == 7
    assert (await ask(back, c.GetLayout(), LayoutState)).layout.gap == 5


async def test_many_who_join_a_room_at_once_get_one_room(house: House) -> None:
    engine = await house.server()
    rooms = await asyncio.gather(*(engine.open(RoomSpec(name="team")) for _ in range(5)))
    await asyncio.gather(*(room.call(c.Join(name=str(n), identity=str(n))) for n, room in enumerate(rooms)))
    await settled(engine)
    assert (await house.told()).count("opened") == 1
    assert len(house.rooms.open_rooms["team"].people) == 5


async def test_a_room_for_which_there_is_no_place_is_kept_for_later(house: House) -> None:
    engine = await house.server()
    for name in ("one", "two"):
        await engine.open(SPEC.model_copy(update={"name": name}))
    engine = await house.server(max_rooms=1)
    assert len(await engine.rooms()) == 1
    with pytest.raises(NoCapacity):
        await engine.open(RoomSpec(name="two"))
    engine = await house.server()
    assert len(await engine.rooms()) == 2


async def test_an_error_of_the_room_stays_an_error(house: House) -> None:
    room = await (await house.server()).open(SPEC)
    with pytest.raises(Conflict):
        await room.call(c.UndoLayout())
    with pytest.raises(NotFound):
        await room.call(c.SetLayout(view="none", layout=Layout()))


async def test_a_change_of_the_definition_is_kept_with_what_no_answer_shows(house: House) -> None:
    room = await (await house.server()).open(SPEC)
    changes = RoomChanges(locked=True, password_hash="hash", owner="ada", metadata={"topic": None, "day": "one"})
    await room.call(UpdateRoom(changes=changes))
    await house.server()
    spec = house.rooms.open_rooms["team"].spec
    assert (spec.locked, spec.password_hash, spec.owner) == (True, "hash", "ada")
    assert (spec.metadata, spec.capacity) == ({"day": "one"}, 7)


async def test_who_is_hidden_is_announced_to_nobody(house: House) -> None:
    engine = await house.server()
    room = await engine.open(SPEC)
    await room.call(ADA)
    inside = house.rooms.open_rooms["team"]
    hidden = inside.people["ada"].model_copy(update={"id": "eye", "name": "Eye", "hidden": True})
    inside.emit(e.ParticipantJoined(to="eye", participant=hidden))
    inside.emit(e.ParticipantLeft(to="eye", id="eye", reason="left"))
    await settled(engine)
    assert await house.told() == ["opened", "joined Ada"]


async def test_a_room_that_moved_is_given_back_what_it_forgot(house: House) -> None:
    engine = await house.server()
    room = await engine.open(SPEC)
    await room.call(ADA)
    await room.call(UpdateRoom(changes=RoomChanges(locked=True)))
    await room.call(c.CreateView(spec=ViewSpec(name="side")))
    await room.call(c.SetLayout(view="side", layout=Layout(gap=5)))
    await settled(engine)
    before = house.rooms.open_rooms.pop("team")
    elsewhere = await house.rooms.open(SPEC)
    for reader in tuple(before.readers):
        reader.end()
    await until(lambda: bool(elsewhere.readers) and "side" in elsewhere.views)
    await settled(engine)
    again = await found(engine)
    assert (await ask(again, c.GetLayout(view="side"), LayoutState)).layout.gap == 5
    assert elsewhere.spec.locked
    await again.call(ADA)
    assert await house.told() == ["opened", "joined Ada", "left Ada", "joined Ada"]
    third = await found(await house.server())
    assert len((await ask(third, c.GetLayoutHistory(view="side"), LayoutHistory)).versions) == 2

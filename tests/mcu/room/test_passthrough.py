"""A view of one source alone is forwarded as it was sent: nothing is decoded or encoded, and nobody sees the change."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from mcu.protocol.commands import SetLayout, UpdateView
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import ViewChanges, ViewSpec
from mcu.room.qualities import Qualities
from mcu.room.room import Room
from mixer.scene import TileKey
from tests.kit.testcard import hue_distance
from tests.mcu.room.cards import Person, come
from tests.mcu.room.meeting import ask, open_room, running_engine, until

ADA, BOB = 20.0, 200.0


@pytest.fixture(autouse=True)
def _in_their_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients in the process of the server take its load for a bad path, and would be sent less."""
    monkeypatch.setattr(Qualities, "look", lambda self: None)


async def spotlight(room: Room, person: Person) -> None:
    await ask(room, SetLayout(layout=Layout(preset="spotlight", pinned=person.id)), LayoutState)


def forwarded(room: Room) -> bool:
    outputs = room.views.main.outputs
    return outputs.passed == outputs.viewers and not outputs.hubs


def decoded(room: Room) -> int:
    return sum(one.statistics.decoded for person in room.participants for one in person.decodings.values())


def shows(person: Person, hue: float) -> bool:
    return near(person.main.hue, hue)


def near(seen: float | None, hue: float) -> bool:
    return seen is not None and hue_distance(seen, hue) < 15


async def test_spotlight_grid_and_spotlight_again_without_a_break(tmp_path: Path) -> None:
    async with running_engine(tmp_path, park_after_ms=300) as engine:
        room = await open_room(engine)
        ada, bob = await come(room, "Ada", ADA), await come(room, "Bob", BOB)
        await spotlight(room, ada)
        await until(lambda: forwarded(room) and shows(bob, ADA))
        await until(lambda: not any(one.running for person in room.participants for one in person.decodings.values()))
        before, encoded, shown = decoded(room), room.views.main.outputs.frames, len(bob.main.pictures)
        await until(lambda: len(bob.main.pictures) >= shown + 20)
        assert (decoded(room), room.views.main.outputs.frames) == (before, encoded)
        first = len(bob.main.pictures)
        await ask(room, SetLayout(layout=Layout(preset="grid")), LayoutState)
        await until(lambda: room.views.main.outputs.passed == 0 and room.views.main.outputs.hubs)
        await until(lambda: len(bob.main.pictures) >= first + 20 and near(bob.main.pictures[-1].right, BOB))
        await spotlight(room, ada)
        await until(lambda: forwarded(room) and shows(bob, ADA))
        back = len(bob.main.pictures)
        await until(lambda: len(bob.main.pictures) >= back + 10)
        times = [seen.time_s for seen in bob.main.pictures[5:]]
        assert min(after - before for before, after in pairwise(times)) > 0, "one timeline, whoever fills it"
        assert room.passthrough.switches == 2
        await asyncio.gather(ada.close(), bob.close())


async def test_from_one_to_another_without_an_encoder_between(tmp_path: Path) -> None:
    async with running_engine(tmp_path, park_after_ms=300) as engine:
        room = await open_room(engine)
        ada, bob = await come(room, "Ada", ADA), await come(room, "Bob", BOB)
        await spotlight(room, ada)
        await until(lambda: forwarded(room) and shows(bob, ADA))
        playout = next(person.playout for person in room.participants if person.id == ada.id)
        forward = room.forwarding.find(TileKey(ada.id))
        assert forward is not None
        fanout = forward.fanout
        assert fanout is not None
        await until(lambda: fanout.lag_ns == (playout.latency_ns or 0) > 0)  # her voice is in the mix so much later
        encoded = room.views.main.outputs.frames
        await spotlight(room, bob)
        await until(lambda: shows(ada, BOB) and shows(bob, BOB))
        assert room.views.main.outputs.frames == encoded
        await asyncio.gather(ada.close(), bob.close())


async def test_what_does_not_fit_the_canvas_is_drawn(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await come(room, "Ada", ADA, size=(240, 180))
        bob = await come(room, "Bob", BOB)
        await spotlight(room, ada)
        await until(lambda: shows(bob, ADA))
        await spotlight(room, bob)
        await until(lambda: forwarded(room) and shows(ada, BOB))
        await spotlight(room, ada)
        await until(lambda: shows(bob, ADA))
        assert room.passthrough.switches == 1
        assert room.views.main.outputs.hubs
        assert bob.main.pictures[-1].width == 320
        await asyncio.gather(ada.close(), bob.close())


async def test_a_view_may_insist_on_being_drawn(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await come(room, "Ada", ADA)
        await spotlight(room, ada)
        await until(lambda: forwarded(room))
        await ask(room, UpdateView(view="main", changes=ViewChanges(passthrough=False)), ViewSpec)
        await until(lambda: room.views.main.outputs.passed == 0)
        assert room.views.main.outputs.hubs
        await ada.close()

"""What people in a real room are asked to send while the layout changes around them."""

import asyncio
from pathlib import Path

import pytest

from mcu.clock import NS_PER_S
from mcu.protocol.commands import (
    CreateView,
    Done,
    GetUplink,
    Join,
    Joined,
    Leave,
    SetLayout,
    UpdateParticipant,
    UplinkState,
)
from mcu.protocol.events import UplinkChanged
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import ParticipantInfo, Uplink, UplinkVideo, ViewSpec
from mcu.room.events import Subscription
from mcu.room.link import Link
from mcu.room.uplinks import LinkLimit
from tests.mcu.room.meeting import Guest, ask, connect, enter, next_event, open_room, running_engine

PATIENCE_S = 20.0


async def next_wish(events: Subscription) -> UplinkChanged:
    event = await next_event(events, "uplink")
    assert isinstance(event, UplinkChanged)
    return event


async def test_a_wish_follows_the_tile(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        await ask(room, SetLayout(layout=Layout(gap=0)), LayoutState)
        joined = await ask(room, Join(name="Ada"), Joined)
        news = room.events(joined.participant.id)
        assert (await ask(room, GetUplink(participant=joined.participant.id), UplinkState)).uplink is None
        ada = Guest(joined, await connect(room, joined.participant.id))
        alone = await next_wish(news)
        assert alone.video is not None
        assert (alone.to, alone.video.width, alone.video.height, alone.video.fps) == (ada.id, 320, 180, 10)
        assert alone.screen is None
        # Her picture of 160 × 120 is known by now: the tile cuts of it above and below, so more is needed.
        seen = await next_wish(news)
        assert seen.video is not None
        assert (seen.video.width, seen.video.height) == (320, 240)
        told = await ask(room, GetUplink(participant=ada.id), UplinkState)
        assert told.uplink == Uplink(video=seen.video)
        others = [await enter(room, name) for name in ("Bob", "Chloé", "Dae")]
        quarter = await next_wish(news)
        assert quarter.video is not None
        assert quarter.video.width in (160, 240)
        await asyncio.gather(ada.close(), *(one.close() for one in others))


async def test_who_is_on_no_view_is_asked_for_nothing_and_back_at_once(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada, bob = await enter(room, "Ada"), await enter(room, "Bob")
        news = room.events(bob.id)
        await ask(room, SetLayout(layout=Layout(max_tiles=1, pinned=ada.id)), LayoutState)
        while (wish := await next_wish(news)).video is not None:
            pass
        assert wish.to == bob.id
        await ask(room, SetLayout(layout=Layout(max_tiles=1, pinned=bob.id)), LayoutState)
        assert (await next_wish(news)).video is not None
        # Another view shows everybody: its tile counts as well, once Bob is off the main one again.
        await ask(room, CreateView(spec=ViewSpec(name="all", width=640, height=360, fps=10)), ViewSpec)
        large = await next_wish(news)
        assert large.video is not None
        assert large.video.height > 180
        await ask(room, UpdateParticipant(participant=bob.id, server_muted_video=True), ParticipantInfo)
        assert (await next_wish(news)).video is None
        await asyncio.gather(ada.close(), bob.close())


async def test_a_layout_that_flaps_with_transitions_makes_no_storm(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada, bob = await enter(room, "Ada"), await enter(room, "Bob")
        news = room.events(ada.id)
        await ask(room, SetLayout(layout=Layout(preset="speaker", pinned=bob.id)), LayoutState)
        while (wish := await next_wish(news)).video is None or wish.video.height > 90:
            pass
        wishes: list[UplinkChanged] = []

        async def note() -> None:
            while True:
                wishes.append(await next_wish(news))

        noting = asyncio.create_task(note())
        composite = room.views.main.composite
        for turn in range(12):
            before = composite.tile_map.layout_seq
            pinned = (ada, bob)[turn % 2].id
            await ask(room, SetLayout(layout=Layout(preset="speaker", pinned=pinned)), LayoutState)
            async with asyncio.timeout(PATIENCE_S):
                while composite.tile_map.layout_seq == before:  # noqa: ASYNC110 - the picture thread brings it about
                    await asyncio.sleep(0.02)
        await ask(room, Leave(participant=ada.id), Done)
        noting.cancel()
        await asyncio.gather(noting, return_exceptions=True)
        # Her stage, and at most once her strip, should three seconds pass where twelve changes take one.
        assert 1 <= len(wishes) <= 3
        assert wishes[0].video is not None
        assert wishes[0].video.height > 120
        await asyncio.gather(ada.close(), bob.close())


class MeteredPeer:
    """A peer as far as a limit looks at it."""

    def __init__(self) -> None:
        self.received_octets = 0
        self.limits: list[int] = []

    def limit_bitrate(self, bitrate_bps: int) -> None:
        self.limits.append(bitrate_bps)


class MeteredLink:
    def __init__(self) -> None:
        self.peer = MeteredPeer()


def play(limit: LinkLimit, link: MeteredLink, wish: UplinkVideo | None, kbps: int, seconds: int, from_s: int) -> int:
    for quarter in range(seconds * 4):
        link.peer.received_octets += kbps * 1000 // 8 // 4
        limit.look(as_link(link), wish, from_s * NS_PER_S + quarter * NS_PER_S // 4)
    return from_s + seconds


def as_link(link: MeteredLink) -> Link:
    return link  # type: ignore[return-value]  # a limit uses nothing of it but the peer's meter


THUMB = UplinkVideo(width=320, height=180, fps=25, kbps=200)
STAGE = UplinkVideo(width=1280, height=720, fps=25, kbps=1700)


def test_who_sends_what_was_asked_for_is_not_bounded() -> None:
    limit, link = LinkLimit(), MeteredLink()
    now_s = play(limit, link, STAGE, 1700, 20, 0)
    now_s = play(limit, link, THUMB, 1700, 3, now_s)  # an encoder takes a moment
    play(limit, link, THUMB, 240, 20, now_s)
    assert link.peer.limits == []
    assert not limit.needed


@pytest.mark.parametrize(("wish", "expected"), [(THUMB, 200_000), (None, 150_000)])
def test_who_goes_on_sending_much_more_is_bounded_by_every_wish_from_then_on(
    wish: UplinkVideo | None, expected: int
) -> None:
    limit, link = LinkLimit(), MeteredLink()
    now_s = play(limit, link, wish, 1000, 12, 0)
    assert link.peer.limits == [expected]
    play(limit, link, STAGE, 1000, 2, now_s)
    assert link.peer.limits == [expected, 1_700_000]

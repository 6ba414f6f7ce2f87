"""Images that a view wears and people's own, from a command to the pixels of a room: backgrounds, logos, avatars."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mcu.errors import NotFound, TooMany, Unprocessable
from mcu.protocol.commands import (
    CreateView,
    GetDecor,
    Join,
    Joined,
    Leave,
    SetAvatar,
    SetBackgroundImage,
    SetLayout,
    SetLogo,
    UpdateView,
)
from mcu.protocol.decor import Corner, LogoPlace, ViewDecor
from mcu.protocol.events import DecorChanged, ParticipantUpdated
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import ParticipantInfo, ViewChanges, ViewSpec
from mcu.room.decor import MOST_WAITING
from mcu.room.room import Room
from tests.kit.images import BLUE, GREEN, RED, file_of, plain
from tests.mcu.room.meeting import PATIENCE_S, VIEW, ask, connect, next_event, open_room, running_engine, until
from tests.mcu.room.test_decor import picture, still

Place = tuple[slice, slice]
WHOLE: Place = np.s_[:, :]
EDGE: Place = np.s_[:8, :]
MIDDLE: Place = np.s_[80:100, 150:170]


async def until_it_shows(
    room: Room, colour: tuple[int, int, int], where: Place, view: str = "main", *, all_of_it: bool = True
) -> NDArray[np.int16]:
    """Waits until a view has ``colour`` there, everywhere or somewhere; the picture then."""
    test = np.all if all_of_it else np.any
    async with asyncio.timeout(PATIENCE_S):
        while True:
            now = await picture(room, view)
            if test(np.all(np.abs(now[where] - np.array(colour)) < 24, axis=-1)):
                return now


async def someone(room: Room, identity: str = "ada") -> None:
    """Somebody whose camera is off, in the one tile of a grid with a margin."""
    await ask(room, SetLayout(layout=Layout(preset="grid", margin=10)), LayoutState)
    await ask(room, Join(name="Ada", identity=identity), Joined)


async def test_a_background_image_is_seen_around_the_tiles_until_it_is_taken_away(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        await someone(room)
        client = await connect(room, "ada", video=False)
        await until(lambda: room.views.main.composite.tile_map.tiles)
        await ask(room, CreateView(spec=VIEW.model_copy(update={"name": "other"})), ViewSpec)
        bare, other, events = await still(room), await still(room, "other"), room.events()
        worn = await ask(room, SetBackgroundImage(image=file_of(plain(RED), "jpg")), ViewDecor)
        assert worn == await ask(room, GetDecor(), ViewDecor) == ViewDecor(background_image=True)
        told = await next_event(events, "decor_changed")
        assert isinstance(told, DecorChanged)
        assert (told.view, told.decor) == ("main", worn)
        red = await until_it_shows(room, RED, EDGE)
        assert np.abs(red[MIDDLE] - bare[MIDDLE]).max() < 8, "the tile is what it was"
        assert np.array_equal(await picture(room, "other"), other)
        await ask(room, UpdateView(changes=ViewChanges(width=640, height=360)), ViewSpec)
        assert (await until_it_shows(room, RED, EDGE)).shape == (360, 640, 3)
        await ask(room, SetBackgroundImage(image=file_of(plain(BLUE), "webp")), ViewDecor)
        await until_it_shows(room, BLUE, EDGE)
        assert await ask(room, SetBackgroundImage(image=None), ViewDecor) == ViewDecor()
        await until_it_shows(room, tuple(bare[2, 2].tolist()), EDGE)
        await client.close()


@pytest.mark.parametrize("corner", ["top_left", "bottom_right"])
async def test_a_logo_is_seen_in_its_corner_until_it_is_taken_away(tmp_path: Path, corner: Corner) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        bare = await picture(room)
        place = LogoPlace(corner=corner, width=0.25)
        worn = await ask(room, SetLogo(image=file_of(plain((*GREEN, 255))), place=place), ViewDecor)
        assert worn == ViewDecor(logo=place)
        quarter = np.s_[:90, :160] if corner == "top_left" else np.s_[90:, 160:]
        shown = await until_it_shows(room, GREEN, quarter, all_of_it=False)
        rows, columns = np.nonzero(np.abs(shown - bare).max(axis=-1) > 24)
        assert columns.max() - columns.min() + 1 == pytest.approx(80, abs=3)
        assert rows.max() - rows.min() + 1 == pytest.approx(60, abs=3)
        assert (rows.max() < 90, columns.max() < 160) == ((True, True) if corner == "top_left" else (False, False))
        await ask(room, SetLogo(image=None), ViewDecor)
        await until_it_shows(room, tuple(bare[2, 2].tolist()), WHOLE)


async def test_an_avatar_stands_in_for_a_camera_that_is_off_until_it_is_taken_away(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        await someone(room)
        client = await connect(room, "ada", video=False)
        await until(lambda: room.views.main.composite.tile_map.tiles)
        events = room.events()
        assert (await ask(room, SetAvatar(participant="ada", image=file_of(plain(GREEN))), ParticipantInfo)).avatar
        told = await next_event(events, "participant_updated")
        assert isinstance(told, ParticipantUpdated)
        assert told.participant.avatar
        face = await until_it_shows(room, GREEN, MIDDLE)
        assert not np.any(np.all(np.abs(face[EDGE] - np.array(GREEN)) < 60, axis=-1)), "in the tile, on a disc"
        spec = VIEW.model_copy(update={"name": "late"})
        await ask(room, CreateView(spec=spec), ViewSpec)
        await until_it_shows(room, GREEN, MIDDLE, "late")
        assert not (await ask(room, SetAvatar(participant="ada", image=None), ParticipantInfo)).avatar
        async with asyncio.timeout(PATIENCE_S):
            while np.all(np.abs((await picture(room))[MIDDLE] - np.array(GREEN)) < 24):
                pass
        await client.close()


async def test_an_avatar_goes_with_its_owner(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        await someone(room)
        await ask(room, SetAvatar(participant="ada", image=file_of(plain(GREEN))), ParticipantInfo)
        assert set(room.pictures.snapshot_of_room.decors["main"].avatars) == {"ada"}
        await room.call(Leave(participant="ada"))
        assert not room.pictures.snapshot_of_room.decors["main"].avatars
        again = await ask(room, Join(name="Ada", identity="ada"), Joined)
        assert not again.participant.avatar


async def test_what_does_not_change_a_views_decor_keeps_the_object(tmp_path: Path) -> None:
    """The picture thread compares it by identity: a new one would draw a still picture again."""
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        await ask(room, SetBackgroundImage(image=file_of(plain(RED))), ViewDecor)
        before = room.pictures.snapshot_of_room.decors["main"]
        await someone(room)
        assert room.pictures.snapshot_of_room.decors["main"] is before


async def test_images_that_cannot_be_used_change_nothing(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        await someone(room)
        broken = file_of(plain(RED))[:-20]
        for command in (
            SetBackgroundImage(image=broken),
            SetLogo(image=broken),
            SetAvatar(participant="ada", image=broken),
        ):
            with pytest.raises(Unprocessable, match="save the image again"):
                await room.call(command)
        assert await ask(room, GetDecor(), ViewDecor) == ViewDecor()
        for command in (SetBackgroundImage(view="none", image=broken), SetLogo(view="none", image=None)):
            with pytest.raises(NotFound):
                await room.call(command)
        with pytest.raises(NotFound):
            await room.call(SetAvatar(participant="nobody", image=broken))


async def test_so_many_images_wait_and_no_more(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        command = SetBackgroundImage(image=file_of(plain(RED, 1000, 1000)))
        answers = await asyncio.gather(*(room.call(command) for _ in range(MOST_WAITING + 3)), return_exceptions=True)
        assert sum(isinstance(answer, ViewDecor) for answer in answers) == MOST_WAITING
        assert sum(isinstance(answer, TooMany) for answer in answers) == 3
        await ask(room, command, ViewDecor)


async def test_images_are_put_up_in_the_order_they_were_asked_for(tmp_path: Path) -> None:
    """A large one that takes long to decode, and then its removal."""
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        large = file_of(plain(RED, 3000, 3000))
        answers = await asyncio.gather(
            ask(room, SetBackgroundImage(image=large), ViewDecor),
            ask(room, SetBackgroundImage(image=None), ViewDecor),
        )
        assert [answer.background_image for answer in answers] == [True, False]
        assert await ask(room, GetDecor(), ViewDecor) == ViewDecor()

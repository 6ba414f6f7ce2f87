"""Joins, leaves, changes of speaker and layout as one viewer sees them: nobody is missing, twice or black."""

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from client.room import Room
from client.sources import Tone
from mcu.protocol.models import PixelBox, TileMap
from tests.kit.cards import Rgb
from tests.kit.server import Server, running_server
from tests.system.people import ADA, BO, CHLOE, DAE, EVERYBODY, Person

VIEW = {
    "MCU_VIEW__WIDTH": "640",
    "MCU_VIEW__HEIGHT": "360",
    "MCU_VIEW__FPS": "25",
    "MCU_VIEW__VIDEO_KBPS": "1200",
    "MCU_VIEW__TIERS": "1",  # tiles are looked for in the pixels of the canvas, also on a busy machine
}
LAYOUTS = ("grid", "speaker", "sidebar", "pip", "strip", "presentation", "grid")
PATIENCE_S = 40.0
BACKGROUND = 40
"""No channel of the background is brighter; every card is."""
SMALLEST_READABLE_PX = 150


@dataclass(slots=True)
class Watching:
    """What a viewer saw. ``calm`` pictures: those that show the tile map, with nobody on the way to their place;
    ``empty`` ones are counted from the first calm one on, for a room begins with nobody in it.
    """

    pictures: int = 0
    empty: int = 0
    calm: int = 0
    twice: list[str] = field(default_factory=list)

    def look(self, picture: Rgb, tiles: TileMap) -> bool:
        """Counts one picture; True when everybody who is large enough to be read stands in their own tile."""
        self.pictures += 1
        self.empty += self.calm > 0 and bool(np.percentile(picture.max(axis=2), 90) <= BACKGROUND)
        seen = Counter(person.name for person in EVERYBODY for tile in tiles.tiles if person.is_in(picture, tile))
        self.twice += [name for name, times in seen.items() if times > 1]
        readable = {tile.name for tile in tiles.tiles if can_be_read(tile.box)}
        here = bool(tiles.tiles) and readable <= seen.keys()
        self.calm += here
        return here


def can_be_read(box: PixelBox) -> bool:
    """A small or an upright tile crops the code off a card."""
    return box.width >= SMALLEST_READABLE_PX and box.width >= 1.5 * box.height


def rgb(frame: VideoFrame) -> Rgb:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


async def until_calm(room: Room, watching: Watching, people: int, pictures: int = 5) -> None:
    """Looks on until so many pictures in a row show everybody in place."""
    in_a_row = 0
    async with asyncio.timeout(PATIENCE_S):
        async for frame in room.pictures(size=32):
            tiles = room.tiles
            here = watching.look(rgb(frame), tiles) and len(tiles.tiles) == people
            in_a_row = in_a_row + 1 if here else 0
            if in_a_row >= pictures:
                return
    raise AssertionError("the pictures ended")


def seat(server: Server, person: Person, *, receive: bool) -> contextlib.AbstractAsyncContextManager[Room]:
    tone = Tone(person.tone_hz, 0.1)
    return Room.connect(server.url, "session", person.name, audio=tone, video=person.card, receive=receive)


async def until_on_stage(room: Room, watching: Watching, person: Person, people: int) -> None:
    """Looks on until somebody has the largest tile, in the map and in the picture."""
    async with asyncio.timeout(PATIENCE_S):
        async for frame in room.pictures(size=32):
            tiles = room.tiles
            here = watching.look(rgb(frame), tiles)
            if here and max(tiles.tiles, key=lambda tile: tile.box.width).name == person.name:
                return await until_calm(room, watching, people)
    raise AssertionError("the pictures ended")


@pytest.mark.timeout(180)
async def test_nobody_is_missing_twice_or_black_while_people_speakers_and_layouts_change(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    watching = Watching()
    with running_server(tmp_path, VIEW, *workers) as server:
        async with seat(server, ADA, receive=True) as viewer:
            await viewer.mute(True)
            await until_calm(viewer, watching, 1)
            async with seat(server, BO, receive=False) as bo:
                await bo.mute(True)
                await until_calm(viewer, watching, 2)
                async with seat(server, CHLOE, receive=False) as chloe, seat(server, DAE, receive=False) as dae:
                    await asyncio.gather(chloe.mute(True), dae.mute(True))
                    await until_calm(viewer, watching, 4)
                    for preset in LAYOUTS:
                        await viewer.set_layout({"preset": preset, "on_screen_share": None})
                        await until_calm(viewer, watching, 4)
                    await viewer.set_layout({"preset": "speaker", "on_screen_share": None})
                    for speaker, person in ((bo, BO), (dae, DAE), (chloe, CHLOE)):
                        await speaker.mute(False)
                        await until_on_stage(viewer, watching, person, 4)
                        await speaker.mute(True)
                    await viewer.set_layout({"preset": "grid"})
                    await until_calm(viewer, watching, 4)
                await until_calm(viewer, watching, 2)
            await until_calm(viewer, watching, 1)
    assert watching.empty == 0
    assert watching.twice == []
    assert watching.calm >= watching.pictures // 3

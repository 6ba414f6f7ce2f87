"""Dry runs: what a layout would look like with made-up people. Nothing is changed, and no room is asked to draw."""

import asyncio
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel

from mcu.errors import NoCapacity, Unprocessable
from mcu.protocol.layout import Layout
from mcu.protocol.models import PixelBox, PixelSize, Source, ViewSpec
from mcu.room.layout_spec import layout_spec
from mcu.room.plugin_run import BadPlaces, plugin_scene
from mcu.room.plugins import load_plugin
from mixer.geometry import Size
from mixer.layouts.preview import made_up
from mixer.scene import Scene

Kind = Literal["svg", "png", "json"]

MEDIA_TYPES: dict[Kind, str] = {"svg": "image/svg+xml", "png": "image/png", "json": "application/json"}

MOST_AT_ONCE = 4
"""A large PNG takes tenths of a second and tens of megabytes; rooms of this machine need both more."""


class DrawnTile(BaseModel):
    participant: str
    source: Source
    name: str
    box: PixelBox
    z: int
    fit: Literal["cover", "contain"]


class DrawnLayout(BaseModel):
    """What `dry_run=json` answers: the boxes in pixels, in drawing order, with made-up people in them."""

    canvas: PixelSize
    tiles: tuple[DrawnTile, ...]


class Previews:
    """Draws on the event loop's worker threads, a few at once. One per server."""

    def __init__(self) -> None:
        self._drawing = 0

    async def draw(self, layout: Layout, view: ViewSpec, participants: int, screens: int, kind: Kind) -> bytes:
        """The file of a picture of ``layout`` on the canvas of ``view``. Raises NoCapacity when too many are being
        drawn, and Unprocessable when the canvas can't hold so many people or the plug-in fails.
        """
        if self._drawing >= MOST_AT_ONCE:
            raise NoCapacity("too many previews are being drawn: try again", retry_after_s=1)
        self._drawing += 1
        try:
            return await asyncio.to_thread(draw, layout, view, participants, screens, kind)
        except BadPlaces as error:
            raise Unprocessable(f"the plug-in {error}", field="preset") from None
        except ValueError as error:
            raise Unprocessable(str(error), field="participants") from None
        finally:
            self._drawing -= 1


def draw(layout: Layout, view: ViewSpec, participants: int, screens: int, kind: Kind) -> bytes:
    """Any thread; takes milliseconds, for a PNG up to a few hundred. Raises ValueError, or Unprocessable for a plug-in
    that isn't installed.
    """
    # Loads numpy and OpenCV, which a server needs only when somebody asks for this.
    from mcu.room.preview import scene_json, scene_png, scene_svg

    scene = _scene(layout, Size(view.width, view.height), participants, screens)
    if view.background is not None:
        scene = replace(scene, background=int(view.background[1:], 16))
    match kind:
        case "svg":
            return scene_svg(scene).encode()
        case "png":
            return scene_png(scene)
        case "json":
            return DrawnLayout.model_validate(scene_json(scene)).model_dump_json().encode()


def _scene(layout: Layout, canvas: Size, participants: int, screens: int) -> Scene:
    from mcu.room.preview import dry_run

    plugin = None if layout.on_screen_share and screens and participants else layout.plugin
    if plugin is None:
        return dry_run(layout, canvas, participants, screens)
    members = made_up(participants, screens, ids=[layout.pinned] if layout.pinned else [])
    speaker = members[0].key.participant if members else None
    return plugin_scene(load_plugin(plugin), layout_spec(layout), members, canvas, speaker, time_ns=0)

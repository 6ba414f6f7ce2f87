"""Draws a scene into a canvas. All of it in I420: no pixel becomes RGB on its way."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import cv2

from mixer.avatar import Avatars
from mixer.cache import Cache
from mixer.canvas import Canvas
from mixer.colour import WHITE, Yuv, yuv
from mixer.edges import Borders, Stencil, corners
from mixer.geometry import Box, Size
from mixer.labels import Labels, label_room_px
from mixer.picture import Picture
from mixer.scaling import Scaler, view
from mixer.scene import Scene, Tile, TileKey
from mixer.shapes import disc
from mixer.sprite import Layers, Sprite
from mixer.typeface import Typeface

VEIL = yuv(0x101318)
VEIL_OPACITY = 0.68

BARS_SHADE = 0.0
"""How much black is in the bars beside a letterboxed picture, the rest is the scene's background."""

FAINTEST_BORDER = 1 / 32


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What doesn't change while tiles keep their places: the colour between them and their round corners."""

    background: Yuv
    rounded: bool
    corners: Stencil


GroundKey = tuple[Size, int, tuple[Box, ...]]


class Compositor:
    """Draws scenes. It keeps sprites, fonts and scratch memory: make one for each mixer thread, and use it there only.

    The picture of a tile is read while ``draw`` runs and not afterwards.
    """

    def __init__(self) -> None:
        typeface = Typeface()
        self._scaler = Scaler()
        self._labels = Labels(typeface)
        self._avatars = Avatars(typeface)
        self._borders = Borders()
        self._grounds: Cache[GroundKey, Ground] = Cache(8)
        self._waiting: Cache[int, Sprite] = Cache(16)

    def draw(self, scene: Scene, pictures: Mapping[TileKey, Picture], canvas: Canvas) -> None:
        """Draws the whole of ``scene`` into ``canvas``, whatever was in it before. A tile without a picture in
        ``pictures`` shows its avatar.

        Raises:
            ValueError: the canvas is not of the scene's size, or a tile does not lie evenly inside it.
        """
        if canvas.size != scene.canvas:
            raise ValueError(f"a scene of {scene.canvas} cannot be drawn into a canvas of {canvas.size}")
        ground = self._ground(scene, canvas)
        for tile in scene.tiles:
            picture = pictures.get(tile.key) if tile.live else None
            self._draw_tile(tile, picture, canvas, ground)
        ground.corners.paint(canvas)

    def _ground(self, scene: Scene, canvas: Canvas) -> Ground:
        """Paints the background, unless the canvas still has that of a scene with the same boxes."""
        key = scene.canvas, scene.background, tuple(tile.box for tile in scene.tiles)
        ground = self._grounds.get(key, lambda: _made_ground(scene))
        if canvas.ground != key:
            canvas.fill(ground.background)
            canvas.ground = key
        return ground

    def _draw_tile(self, tile: Tile, picture: Picture | None, canvas: Canvas, ground: Ground) -> None:
        label_box = tile.box
        if picture is None:
            self._avatars.draw(canvas.picture, tile.box, tile.key, tile.name)
        else:
            covered = self._scaler.draw(picture, tile.fit, canvas.picture, tile.box)
            if covered != tile.box:
                _fill_around(canvas.picture, tile.box, covered, ground.background)
                label_box = _with_room(covered, tile.box)
        if tile.reconnecting:
            self._draw_veil(canvas.picture, tile.box)
        if tile.label is not None or tile.muted:
            self._labels.draw(canvas.picture, label_box, tile.label or "", tile.muted)
        if tile.border >= FAINTEST_BORDER:
            self._borders.draw(canvas, tile.box, min(1.0, tile.border), ground.rounded)

    def _draw_veil(self, canvas: Picture, box: Box) -> None:
        for number, (plane, value) in enumerate(zip(canvas.planes, VEIL, strict=True)):
            region = view(plane, box, 2 if number else 1)
            cv2.addWeighted(region, 1 - VEIL_OPACITY, region, 0, value * VEIL_OPACITY, dst=region)
        unit = min(box.width, box.height) // 72 * 2
        if unit:
            sprite = self._waiting.get(unit, lambda: _three_dots(unit))
            size = sprite.size
            sprite.paint(canvas, box.x + (box.width - size.width) // 4 * 2, box.y + (box.height - size.height) // 4 * 2)


def _made_ground(scene: Scene) -> Ground:
    """Corners are round where the background shows all around every tile: there only is its colour what lies behind."""
    boxes = [tile.box for tile in scene.tiles]
    whole = scene.canvas.box
    for box in boxes:
        if not box.even or not whole.contains(box) or box.width < 2 or box.height < 2:
            raise ValueError(f"{box} does not lie evenly inside a canvas of {whole.width}×{whole.height}")
    apart = [Box(box.x - 1, box.y - 1, box.width + 2, box.height + 2) for box in boxes]
    free = all(whole.contains(box) for box in apart) and not any(a.overlaps(b) for a, b in combinations(apart, 2))
    background = yuv(scene.background)
    stencil = corners(scene.canvas, boxes if free else (), background)
    return Ground(background, free, stencil)


def _with_room(covered: Box, tile: Box) -> Box:
    """Where the label of a letterboxed picture goes: below it if the bar is high enough, so that it hides nothing."""
    room = label_room_px(covered)
    return replace(covered, height=covered.height + room) if covered.bottom + room <= tile.bottom else covered


def _fill_around(canvas: Picture, outer: Box, inner: Box, colour: Yuv) -> None:
    """Paints what lies inside ``outer`` and outside ``inner``."""
    bars = (
        Box(outer.x, outer.y, outer.width, inner.y - outer.y),
        Box(outer.x, inner.bottom, outer.width, outer.bottom - inner.bottom),
        Box(outer.x, inner.y, inner.x - outer.x, inner.height),
        Box(inner.right, inner.y, outer.right - inner.right, inner.height),
    )
    for bar in bars:
        if bar.area:
            for number, (plane, value) in enumerate(zip(canvas.planes, colour, strict=True)):
                view(plane, bar, 2 if number else 1)[:] = value


def _three_dots(unit: int) -> Sprite:
    """The mark of somebody who is expected back."""
    layers = Layers(Size(unit * 6, unit * 2))
    for place in (1, 3, 5):
        layers.over(disc((unit * 2, unit * 6), place * unit, unit, unit * 0.6), WHITE, 0.9)
    return layers.sprite()

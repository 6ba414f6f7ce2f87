"""Draws a scene into a canvas. All of it in I420: no pixel becomes RGB on its way.

Most of a picture is what it was a moment ago. Each canvas remembers what is on it (``Canvas.shown``), and only what
differs is painted: a tile whose picture, name and border are the same stays as it is. What lies over or, seen through
something, under a repainted tile is repainted with it, from pictures that are kept at the size they are shown in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from mixer.avatar import Avatars
from mixer.cache import Cache
from mixer.canvas import Canvas
from mixer.damage import Content, TileMark, damage, translucent
from mixer.decor import BARE, Decor
from mixer.edges import Borders, blend
from mixer.geometry import Box, Size
from mixer.ground import Ground
from mixer.labels import Labels, label_room_px
from mixer.lettering import Lettering
from mixer.marks import Marks
from mixer.overlays import Overlays
from mixer.picture import Picture
from mixer.scaled import ScaledPictures
from mixer.scaling import Scaler, views
from mixer.scene import Scene, Tile, TileKey
from mixer.typeface import Typeface

FAINTEST = 1 / 32
"""A border or a tile with less opacity than this is not drawn."""

GroundKey = tuple[Size, int, int, int | None, tuple[Box, ...]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a drawing took. ``changed`` is False when the picture is the one that the same compositor drew before, on
    whichever canvas: then nothing has to be encoded. ``tiles_drawn`` were painted, of which the pictures of
    ``tiles_scaled`` had to be scaled.
    """

    changed: bool
    tiles_drawn: int
    tiles_scaled: int


class Compositor:
    """Draws the scenes of one view. It keeps sprites, fonts and scaled pictures: use it on one thread only. Views that
    are drawn by the same thread may share ``scaled``, and each of their pictures is then scaled once per size.

    The picture of a tile is read while ``draw`` runs and not afterwards.
    """

    def __init__(self, scaled: ScaledPictures | None = None) -> None:
        typeface = Typeface()
        lettering = Lettering(typeface)
        self._scaled = ScaledPictures() if scaled is None else scaled
        self._scaler = Scaler()
        self._labels = Labels(lettering)
        self._avatars = Avatars(typeface)
        self._borders = Borders()
        self._marks = Marks()
        self._overlays = Overlays(lettering)
        self._grounds: Cache[GroundKey, Ground] = Cache(8)
        self._backgrounds: Cache[tuple[int, Size], Canvas] = Cache(2)
        self._last: Content | None = None

    def draw(self, scene: Scene, pictures: Mapping[TileKey, Picture], canvas: Canvas, decor: Decor = BARE) -> Drawn:
        """Makes ``canvas`` show ``scene``, whatever was on it before. A tile without a picture in ``pictures`` shows
        its avatar.

        Raises:
            ValueError: the canvas is not of the scene's size, or a tile does not lie evenly inside it.
        """
        if canvas.size != scene.canvas:
            raise ValueError(f"a scene of {scene.canvas} cannot be drawn into a canvas of {canvas.size}")
        ground = self._ground(scene, decor.background)
        marks = tuple(_mark(tile, pictures, decor) for tile in scene.tiles)
        content = Content(ground, marks, self._overlays.of(scene, decor))
        before = canvas.shown if isinstance(canvas.shown, Content) else None
        canvas.shown = None
        scaled_before = self._scaled.count
        dirty = self._update(content, before, pictures, canvas, decor)
        canvas.shown = content
        changed = content != self._last
        self._last = content
        return Drawn(changed, dirty, self._scaled.count - scaled_before)

    def _ground(self, scene: Scene, background: Picture | None) -> Ground:
        serial = -1 if background is None else background.serial
        boxes = tuple(tile.box for tile in scene.tiles)

        def scaled() -> Canvas:
            image = Canvas(scene.canvas)
            if background is not None:
                self._scaler.draw(background, "cover", image.picture, image.size.box)
            return image

        def made() -> Ground:
            image = None if background is None else self._backgrounds.get((serial, scene.canvas), scaled)
            return Ground(scene, image)

        return self._grounds.get((scene.canvas, scene.background, serial, scene.corner_radius_px, boxes), made)

    def _update(
        self,
        content: Content,
        before: Content | None,
        pictures: Mapping[TileKey, Picture],
        canvas: Canvas,
        decor: Decor,
    ) -> int:
        """Paints what differs from ``before``, and returns how many tiles that were."""
        ground = content.ground
        if before is None or before.ground is not ground:
            ground.paint(canvas, canvas.size.box)
            dirty, overlays = set(range(len(content.marks))), list(content.overlays)
        else:
            dirty, overlays, bared = damage(content, before)
            for box in bared:
                ground.paint(canvas, box)
            for number in dirty:
                if translucent(content.marks[number][0], ground, number):
                    ground.paint(canvas, content.marks[number][0].box)
        plain = []
        for number in sorted(dirty):
            tile = content.marks[number][0]
            if self._draw_tile(number, tile, pictures.get(tile.key) if tile.live else None, canvas, ground, decor):
                plain.append(number)
        ground.round_off(canvas, frozenset(plain))
        for overlay in overlays:
            overlay.paint(canvas.picture)
        return len(dirty)

    def _draw_tile(
        self, number: int, tile: Tile, picture: Picture | None, canvas: Canvas, ground: Ground, decor: Decor
    ) -> bool:
        """Returns True when its corners are left to be painted in the colour of the ground."""
        if tile.opacity < FAINTEST:
            return False
        if not translucent(tile, ground, number):
            self._paint_tile(tile, picture, canvas, ground, decor, ground.radii_px[number])
            return bool(ground.radii_px[number])
        beneath = [region.copy() for region in views(canvas.picture, tile.box)] if tile.opacity < 1 else None
        samples = ground.corners(number)
        behind = canvas.buffer.reshape(-1)[samples.index].astype(np.uint16)
        self._paint_tile(tile, picture, canvas, ground, decor, ground.radii_px[number])
        blend(canvas, samples.index, samples.alpha, behind)
        if beneath is not None:
            for region, under in zip(views(canvas.picture, tile.box), beneath, strict=True):
                cv2.addWeighted(region, tile.opacity, under, 1 - tile.opacity, 0, dst=region)
        return False

    def _paint_tile(
        self, tile: Tile, picture: Picture | None, canvas: Canvas, ground: Ground, decor: Decor, radius: int
    ) -> None:
        """Everything in a tile's box, as if nothing could be seen through it."""
        box = label_box = tile.box
        if picture is None:
            face = decor.avatars.get(tile.key.participant)
            self._avatars.draw(canvas.picture, box, tile.key, tile.name, face)
        else:
            scaled = self._scaled.get(tile, picture)
            inner = scaled.covered
            covered = Box(box.x + inner.x, box.y + inner.y, inner.width, inner.height)
            for region, pixels in zip(views(canvas.picture, covered), scaled.picture.planes, strict=True):
                np.copyto(region, pixels)
            if covered != box:
                ground.paint_around(canvas, box, covered)
                label_box = _with_room(covered, box)
        if tile.reconnecting:
            self._marks.veil(canvas.picture, box)
        if tile.label is not None or tile.muted:
            self._labels.draw(canvas.picture, label_box, tile.label or "", tile.muted)
        if tile.hand:
            self._marks.hand(canvas.picture, box)
        if tile.border >= FAINTEST:
            self._borders.draw(canvas, box, min(1.0, tile.border), radius)


def _mark(tile: Tile, pictures: Mapping[TileKey, Picture], decor: Decor) -> TileMark:
    shown = pictures.get(tile.key) if tile.live else None
    if shown is None:
        shown = decor.avatars.get(tile.key.participant)
    return tile, -1 if shown is None else shown.serial


def _with_room(covered: Box, tile: Box) -> Box:
    """Where the label of a letterboxed picture goes: below it if the bar is high enough, so that it hides nothing."""
    room = label_room_px(covered)
    if covered.bottom + room > tile.bottom:
        return covered
    return Box(covered.x, covered.y, covered.width, covered.height + room)

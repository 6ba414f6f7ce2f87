"""What stays while tiles keep their places: who overlaps whom, whose corners are round, and what lies behind all."""

import numpy as np
from numpy.typing import NDArray

from mixer.canvas import Canvas
from mixer.colour import yuv
from mixer.edges import Corners, Samples, blend, corner_radius
from mixer.geometry import Box
from mixer.scaling import views
from mixer.scene import Scene

Relation = NDArray[np.bool_]


class Ground:
    """The geometry of a scene and its background: ``image``, of the canvas's size, or the scene's colour.
    ``neighbours[n]`` are the tiles that tile ``n`` overlaps; ``radii_px[n]`` is the radius of its corners.

    Raises:
        ValueError: a tile does not lie evenly inside the canvas, or a radius below 0.
    """

    def __init__(self, scene: Scene, image: Canvas | None = None) -> None:
        boxes = [tile.box for tile in scene.tiles]
        whole = scene.canvas.box
        for box in boxes:
            if not box.even or not whole.contains(box) or box.width < 2 or box.height < 2:
                raise ValueError(f"{box} does not lie evenly inside a canvas of {whole.width}×{whole.height}")
        self._boxes = boxes
        overlapping = _overlapping(boxes, 0)
        self.neighbours: tuple[tuple[int, ...], ...] = tuple(
            tuple(np.flatnonzero(row).tolist()) if row.any() else () for row in overlapping
        )
        self.radii_px = _radii(scene, overlapping)
        self._corners = Corners(scene.canvas, boxes, self.radii_px)
        self._everybody = frozenset(range(len(boxes)))
        self._all_corners = self._corners.of(self._everybody)
        self._colour = yuv(scene.background)
        self._image = image

    def paint(self, canvas: Canvas, box: Box) -> None:
        """Paints the background into a box of the canvas."""
        behind = (None, None, None) if self._image is None else views(self._image.picture, box)
        for region, value, pixels in zip(views(canvas.picture, box), self._colour, behind, strict=True):
            region[:] = value if pixels is None else pixels

    def paint_around(self, canvas: Canvas, outer: Box, inner: Box) -> None:
        """Paints the background into what lies inside ``outer`` and outside ``inner``."""
        bars = (
            Box(outer.x, outer.y, outer.width, inner.y - outer.y),
            Box(outer.x, inner.bottom, outer.width, outer.bottom - inner.bottom),
            Box(outer.x, inner.y, inner.x - outer.x, inner.height),
            Box(inner.right, inner.y, outer.right - inner.right, inner.height),
        )
        for bar in bars:
            if bar.area:
                self.paint(canvas, bar)

    def round_off(self, canvas: Canvas, numbers: frozenset[int]) -> None:
        """Paints the background over the corners of those tiles, below which lies nothing else."""
        samples = self._all_corners if numbers == self._everybody else self._corners.of(numbers)
        if samples.index.size:
            blend(canvas, samples.index, samples.alpha, self._tint(samples))

    def corners(self, number: int) -> Samples:
        return self._corners.of((number,))

    def under(self, box: Box) -> set[int]:
        """The tiles that overlap ``box``."""
        return {number for number, tile in enumerate(self._boxes) if tile.overlaps(box)}

    def _tint(self, samples: Samples) -> NDArray[np.uint16]:
        if self._image is None:
            return np.array(self._colour, np.uint16)[samples.plane]
        return self._image.buffer.reshape(-1)[samples.index].astype(np.uint16)


def _overlapping(boxes: list[Box], nearer: int) -> Relation:
    """Which pairs share a pixel, or would if every box were larger by ``nearer`` on the right and at the bottom."""
    if not boxes:
        return np.zeros((0, 0), np.bool_)
    left, top, right, bottom = np.array([(box.x, box.y, box.right, box.bottom) for box in boxes]).T
    across = (left[:, None] < right + nearer) & (left < right[:, None] + nearer)
    down = (top[:, None] < bottom + nearer) & (top < bottom[:, None] + nearer)
    pairs: Relation = across & down
    np.fill_diagonal(pairs, False)
    return pairs


def _radii(scene: Scene, overlapping: Relation) -> tuple[int, ...]:
    """A scene that says nothing rounds its tiles where none of them touches another or the edge of the canvas; else
    only those that lie on others and not at the edge, as a picture in a picture does.
    """
    boxes = [tile.box for tile in scene.tiles]
    if scene.corner_radius_px is not None:
        if scene.corner_radius_px < 0:
            raise ValueError(f"a corner's radius is 0 or more pixels, not {scene.corner_radius_px}")
        return (scene.corner_radius_px // 2 * 2,) * len(boxes)
    width, height = scene.canvas.width, scene.canvas.height
    at_edge = [not (box.x and box.y and box.right < width and box.bottom < height) for box in boxes]
    touching = _overlapping(boxes, 1) & ~overlapping
    apart = not any(at_edge) and not touching.any()
    radius = corner_radius(scene.canvas)
    on_others = [bool(overlapping[number, :number].any()) for number in range(len(boxes))]
    return tuple(
        radius if apart or (on_top and not edge) else 0 for on_top, edge in zip(on_others, at_edge, strict=True)
    )

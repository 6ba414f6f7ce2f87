"""Pictures at the size they are shown in, kept until there is a newer one."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from mixer.geometry import Box, Size
from mixer.picture import Picture
from mixer.scaling import Align, Scaler, box_within, crop_to_cover, views
from mixer.scene import Fit, Tile, TileKey

MOST_BYTES = 16 << 20
"""What is kept at most, beyond what is being drawn: a few canvases' worth. While people move, every size is new."""

Wanted = tuple[TileKey, int, int, Fit, Align]


@dataclass(slots=True, eq=False)
class Scaled:
    """``picture`` fills ``covered``, a box relative to the tile's. ``source`` and ``crop`` say of what it is made."""

    picture: Picture
    covered: Box
    source: Size
    crop: Box
    serial: int

    @property
    def nbytes(self) -> int:
        return sum(plane.nbytes for plane in self.picture.planes)


class ScaledPictures:
    """A picture is scaled once for each size it is shown in, however often it is drawn. Views that are drawn by one
    thread may share this. For one thread.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Wanted, Scaled] = OrderedDict()
        self._scaler = Scaler()
        self.count = 0
        """How many pictures were scaled."""

    @property
    def nbytes(self) -> int:
        return self._bytes

    def get(self, tile: Tile, picture: Picture) -> Scaled:
        """``picture`` as ``tile`` shows it. It holds until the next call. One that has the size already is handed
        on as it is: it is neither kept nor counted.
        """
        same = _as_it_is(tile, picture)
        if same is not None:
            return same
        wanted = tile.key, tile.box.width, tile.box.height, tile.fit, tile.align
        kept = self._kept.get(wanted)
        if kept is not None:
            self._kept.move_to_end(wanted)
            if kept.serial == picture.serial:
                return kept
        self.count += 1
        if kept is None or kept.source != picture.size:
            if kept is not None:
                self._bytes -= kept.nbytes
            kept = self._kept[wanted] = _place(tile, picture)
            self._bytes += kept.nbytes
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        kept.serial = -1
        self._scaler.scale(picture, kept.crop, kept.picture, Box(0, 0, kept.covered.width, kept.covered.height))
        kept.serial = picture.serial
        return kept

    def clear(self) -> None:
        """Keeps nothing any more."""
        self._kept.clear()
        self._bytes = 0


def _as_it_is(tile: Tile, picture: Picture) -> Scaled | None:
    """The picture itself, but for what ``cover`` cuts off; None where it has to be scaled."""
    source, size = picture.size, Size(tile.box.width, tile.box.height)
    crop = crop_to_cover(source, size, tile.align) if tile.fit == "cover" else source.box
    if (crop.width, crop.height) != (size.width, size.height):
        return None
    return Scaled(Picture(*views(picture, crop)), size.box, source, crop, picture.serial)


def _place(tile: Tile, picture: Picture) -> Scaled:
    source, size = picture.size, Size(tile.box.width, tile.box.height)
    if tile.fit == "cover":
        crop, covered = crop_to_cover(source, size, tile.align), size.box
    else:
        crop, covered = source.box, box_within(source, size.box, tile.align)
    width, height = covered.width, covered.height
    half = height // 2, width // 2
    empty = Picture(np.empty((height, width), np.uint8), np.empty(half, np.uint8), np.empty(half, np.uint8))
    return Scaled(empty, covered, source, crop, -1)

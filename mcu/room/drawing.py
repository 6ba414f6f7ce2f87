"""The canvas of a view as it was drawn last, drawn again when something on it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mcu.media.canvases import CanvasPool, SharedCanvas
from mcu.room.selection import Moment
from mixer.compositor import Compositor
from mixer.decor import BARE, Decor
from mixer.geometry import Size
from mixer.picture import Picture
from mixer.scaled import ScaledPictures
from mixer.scene import Scene, TileKey

POOL_CANVASES = 11
"""Per hub one waiting and one being encoded, one being drawn, the newest, and a few that snapshots hold."""


@dataclass(slots=True, eq=False)
class _Drawn:
    canvas: SharedCanvas
    scene: Scene
    pictures: dict[TileKey, Picture]
    decor: Decor

    def shows(self, scene: Scene, pictures: Mapping[TileKey, Picture], decor: Decor) -> bool:
        return (
            self.decor is decor
            and self.scene == scene
            and self.pictures.keys() == pictures.keys()
            and all(self.pictures[key] is picture for key, picture in pictures.items())
        )


class Drawing:
    """Owned by a composite and used on the picture thread. ``composed`` counts the canvases drawn, ``no_canvas`` how
    often all were in use; ``moved_ns`` is when something on it last changed.
    """

    def __init__(self, view: str, size: Size, scaled: ScaledPictures | None) -> None:
        self.composed = 0
        self.no_canvas = 0
        self.moved_ns = 0
        self._view = view
        self._pool = CanvasPool(size, POOL_CANVASES)
        self._compositor = Compositor(scaled)
        self._drawn: _Drawn | None = None

    def draw(self, scene: Scene, moment: Moment, seen: frozenset[TileKey], time_ns: int) -> SharedCanvas | None:
        """The canvas that shows ``scene``: the last one while nothing has changed; None when all are in use. ``seen``:
        the tiles of those who are here, beside whom ``scene`` may have people on their way out.
        """
        pictures, decor = self._pictures(scene, moment, seen), self._decor(scene, moment, seen)
        if self._drawn is not None and self._drawn.shows(scene, pictures, decor):
            return self._drawn.canvas
        canvas = self._pool.take()
        if canvas is None:
            self.no_canvas += 1
            return None
        try:
            done = self._compositor.draw(scene, pictures, canvas.canvas, decor)
        except BaseException:
            canvas.release()
            raise
        self.composed += 1
        if done.changed:
            self.moved_ns = time_ns
        self.let_go()
        self._drawn = _Drawn(canvas, scene, pictures, decor)
        return self._drawn.canvas

    def let_go(self) -> None:
        """Gives the canvas back: nobody looks."""
        if self._drawn is not None:
            self._drawn.canvas.release()
            self._drawn = None

    def free(self) -> None:
        """Lets go of the canvases and of all that was drawn into them. When nothing is drawn any more. Idempotent."""
        self.let_go()
        self._pool.close()
        self._compositor = Compositor()

    def _pictures(self, scene: Scene, moment: Moment, seen: frozenset[TileKey]) -> dict[TileKey, Picture]:
        """Who has left is there with their last picture until they have faded."""
        last = self._drawn.pictures if self._drawn is not None else {}
        pictures = {}
        for tile in scene.tiles:
            picture = moment.pictures.get(tile.key) or (None if tile.key in seen else last.get(tile.key))
            if picture is not None:
                pictures[tile.key] = picture
        return pictures

    def _decor(self, scene: Scene, moment: Moment, seen: frozenset[TileKey]) -> Decor:
        """Who has left keeps their avatar until they have faded."""
        decor = moment.decors.get(self._view, BARE)
        last = self._drawn.decor.avatars if self._drawn is not None else {}
        fading = {tile.key.participant for tile in scene.tiles if tile.key not in seen}
        kept = {who: last[who] for who in fading if who in last and who not in decor.avatars}
        return replace(decor, avatars={**decor.avatars, **kept}) if kept else decor

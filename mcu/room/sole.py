"""When a view shows one source and nothing else, so that whoever watches it might as well get what was sent."""

from mcu.room.selection import Moment
from mixer.decor import BARE
from mixer.layouts.spec import LayoutSpec
from mixer.scene import Scene, TileKey


def sole_source(view: str, layout: LayoutSpec, scene: Scene, moment: Moment) -> TileKey | None:
    """The source that fills the canvas of ``scene`` by itself. The layout must be meant so: with ``grid``, somebody who
    is alone for now would be forwarded until the next one comes.

    A name, a mute mark or a raised hand on the tile is no hindrance: clients know of them by other ways. What somebody
    put over the picture on purpose is one: a banner, a countdown, a logo, a plug-in.
    """
    if len(scene.tiles) != 1 or scene.banner is not None or scene.countdown is not None:
        return None
    tile = scene.tiles[0]
    source = moment.sources.get(tile.key)
    if layout.custom is None and layout.preset != "spotlight":
        return None
    if tile.box != scene.canvas.box or moment.decors.get(view, BARE).logo is not None or view in moment.plugins:
        return None
    if source is None or not source.shown or source.reconnecting:
        return None
    return tile.key

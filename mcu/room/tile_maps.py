"""The tile map of a view, made when it says something new, and since when each tile has stood as it does."""

from collections.abc import Mapping
from dataclasses import dataclass

from mcu.protocol.models import PixelBox, TileInfo, TileMap, TileState
from mcu.room.health import state_of
from mcu.room.selection import Moment
from mixer.geometry import Box
from mixer.scene import Scene, Tile, TileKey


@dataclass(frozen=True, slots=True)
class Standing:
    """How a tile stands, and since when in room time."""

    state: TileState
    since_ns: int


_Place = tuple[TileKey, str, Box, int, TileState]
"""What the tile map says of a tile; compared at every tick, while the map is only made when it changes."""


class TileMaps:
    """Owned by a composite and written on the picture thread. ``newest`` and ``standings`` are replaced whole: any
    thread may read them.
    """

    def __init__(self, first: TileMap) -> None:
        self.newest = first
        self.standings: Mapping[TileKey, Standing] = {}
        self._places: tuple[_Place, ...] = ()

    def look(self, scene: Scene, moment: Moment) -> bool:
        """Takes in where everybody is now; True when there is a new map."""
        states = {
            tile.key: state_of(
                moment.sources.get(tile.key),
                live=tile.key in moment.pictures or tile.key in moment.forwarded,
                now_ns=moment.now_ns,
            )
            for tile in scene.tiles
        }
        places = tuple((tile.key, tile.name, tile.box, tile.z, states[tile.key]) for tile in scene.tiles)
        if places == self._places:
            return False
        self._places = places
        former = self.standings
        self.standings = {
            key: former[key] if key in former and former[key].state == state else Standing(state, moment.now_ns)
            for key, state in states.items()
        }
        tiles = tuple(_info(tile, states[tile.key]) for tile in scene.tiles)
        self.newest = self.newest.model_copy(update={"layout_seq": self.newest.layout_seq + 1, "tiles": tiles})
        return True


def _info(tile: Tile, state: TileState) -> TileInfo:
    return TileInfo(
        participant=tile.key.participant,
        source=tile.key.source,
        name=tile.name,
        box=PixelBox(x=tile.box.x, y=tile.box.y, width=tile.box.width, height=tile.box.height),
        z=tile.z,
        state=state,
    )

"""Where voices stand, by where their tiles do."""

from mcu.protocol.models import TileMap


def pans_of(tiles: TileMap) -> dict[str, float]:
    """From −1, the left edge of the canvas, to 1: the middle of each participant's tile, of their camera's rather than
    their screen's. Who has no tile isn't there.
    """
    pans: dict[str, float] = {}
    for tile in tiles.tiles:
        if tile.source == "camera" or tile.participant not in pans:
            middle_px = tile.box.x + tile.box.width / 2
            pans[tile.participant] = 2.0 * middle_px / tiles.canvas.width - 1.0
    return pans

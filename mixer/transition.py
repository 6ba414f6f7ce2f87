"""From one arrangement to the next without a jump: people move, grow and fade from where they were seen last.

A tile's identity is its key, so a change of layout moves the person and not the third place. Arithmetic alone; time is
an argument.
"""

from dataclasses import dataclass, replace
from typing import Literal

from mixer.geometry import Box, Size
from mixer.scene import Scene, Tile, TileKey

Ease = Literal["linear", "in", "out", "in_out"]

MS_NS = 1_000_000

SMALLER = 0.82
"""The size of somebody who just came or is about to be gone, of the size of their place."""

Shape = tuple[tuple[TileKey, Box], ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """How a tile is drawn while it moves."""

    box: Box
    opacity: float


@dataclass(frozen=True, slots=True)
class _Move:
    start: _Look
    goal: _Look


class Animator:
    """Animates the scenes of one view. For one thread; it remembers what it returned last and nothing else.

    Who takes the very place of another is faded in above them, so that the background never shines through both.

    ``ms`` is how long a movement takes, 0 for none. ``linear`` keeps one speed, ``in`` starts slowly, ``out`` ends
    slowly, ``in_out`` both.

    Raises:
        ValueError: a negative ``ms`` or an unknown ``ease``.
    """

    def __init__(self, ms: int = 250, ease: Ease = "in_out") -> None:
        self._shape: Shape | None = None
        self._canvas: Size | None = None
        self._drawn: dict[TileKey, Tile] = {}
        self._leaving: dict[TileKey, Tile] = {}
        self._moves: dict[TileKey, _Move] = {}
        self._began_ns = 0
        self.retime(ms, ease)

    def retime(self, ms: int, ease: Ease) -> None:
        """Changes how the next movement runs, and the rest of one that is under way."""
        if ms < 0:
            raise ValueError(f"a movement takes 0 ms or longer, not {ms}")
        eased(0.0, ease)
        self._ms = ms
        self._ease: Ease = ease

    @property
    def moving(self) -> bool:
        """True when the scene returned last was not the one asked for."""
        return bool(self._moves)

    def step(self, target: Scene, now_ns: int) -> Scene:
        """The scene to draw at ``now_ns`` on the way to ``target``: ``target`` itself when nothing moves.

        Everybody in ``target`` is in it, in one tile each, and those who left until they have faded. Boxes are even
        and inside the canvas; while people move they may overlap, higher ``z`` nearer, leavers below their equals.
        """
        shape = tuple((tile.key, tile.box) for tile in target.tiles)
        if shape != self._shape:
            self._turn_to(target, shape, now_ns)
        if not self._moves:
            self._drawn = {tile.key: tile for tile in target.tiles}
            return target
        elapsed = max(0, now_ns - self._began_ns)
        if elapsed >= self._ms * MS_NS:
            self._moves = {}
            self._leaving = {}
            self._drawn = {tile.key: tile for tile in target.tiles}
            return target
        return self._between(target, eased(elapsed / (self._ms * MS_NS), self._ease))

    def _turn_to(self, target: Scene, shape: Shape, now_ns: int) -> None:
        first = self._shape is None or self._canvas != target.canvas
        self._shape, self._canvas = shape, target.canvas
        wanted = {tile.key: tile for tile in target.tiles}
        self._moves = {}
        self._leaving = {}
        if first or not self._ms or len(wanted) < len(shape):
            return
        moves: dict[TileKey, _Move] = {}
        gone = [tile for key, tile in self._drawn.items() if key not in wanted]
        for key, tile in wanted.items():
            before = self._drawn.get(key)
            if before is not None:
                start = _Look(before.box, before.opacity)
            elif any(tile.box.contains(left.box) for left in gone):
                start = _Look(tile.box, 0.0)
            else:
                start = _Look(_smaller(tile.box), 0.0)
            moves[key] = _Move(start, _Look(tile.box, tile.opacity))
        came = [tile.box for key, tile in wanted.items() if key not in self._drawn]
        for tile in gone:
            start = _Look(tile.box, tile.opacity)
            covered = any(box.contains(tile.box) for box in came)
            moves[tile.key] = _Move(start, start if covered else _Look(_smaller(tile.box), 0.0))
        self._leaving = {tile.key: tile for tile in gone}
        if any(move.start != move.goal for move in moves.values()):
            self._moves = moves
            self._began_ns = now_ns

    def _between(self, target: Scene, part: float) -> Scene:
        ordered: list[tuple[int, int, Tile]] = []
        for rank, tiles in enumerate((self._leaving.values(), target.tiles)):
            ordered += [(tile.z, rank, self._moved(tile, target.canvas, part)) for tile in tiles]
        ordered.sort(key=lambda entry: entry[:2])
        tiles_now = tuple(tile for _, _, tile in ordered)
        self._drawn = {tile.key: tile for tile in tiles_now}
        return replace(target, tiles=tiles_now)

    def _moved(self, tile: Tile, canvas: Size, part: float) -> Tile:
        move = self._moves[tile.key]
        if move.start == move.goal:
            return tile
        opacity = move.start.opacity + (move.goal.opacity - move.start.opacity) * part
        return replace(tile, box=between(move.start.box, move.goal.box, part, canvas), opacity=opacity)


def eased(part: float, ease: Ease) -> float:
    """How much of the way is behind at ``part`` (0 to 1) of the time: 0 at 0, 1 at 1, never backwards.

    Raises:
        ValueError: an unknown ease.
    """
    if ease == "linear":
        return part
    if ease == "in":
        return part**3
    if ease == "out":
        return 1 - (1 - part) ** 3
    if ease == "in_out":
        return part * part * (3 - 2 * part)
    raise ValueError(f"a movement is linear, in, out or in_out, not {ease}")


def between(start: Box, goal: Box, part: float, canvas: Size) -> Box:
    """The even box ``part`` of the way: each edge moves by itself, so a box inside the canvas stays inside."""
    left, right = _edges(start.x, start.right, goal.x, goal.right, part, canvas.width)
    top, bottom = _edges(start.y, start.bottom, goal.y, goal.bottom, part, canvas.height)
    return Box(left, top, right - left, bottom - top)


def _edges(start: int, start_end: int, goal: int, goal_end: int, part: float, length: int) -> tuple[int, int]:
    first = round((start + (goal - start) * part) / 2) * 2
    last = round((start_end + (goal_end - start_end) * part) / 2) * 2
    first = max(0, min(first, length - 2))
    return first, max(first + 2, min(last, length))


def _smaller(box: Box) -> Box:
    """The same place, smaller about its middle, even, at least 2×2."""
    dx = round(box.width * (1 - SMALLER) / 4) * 2
    dy = round(box.height * (1 - SMALLER) / 4) * 2
    if box.width - 2 * dx < 2 or box.height - 2 * dy < 2:
        return box
    return Box(box.x + dx, box.y + dy, box.width - 2 * dx, box.height - 2 * dy)

"""A Scene describes one output picture completely: what a layout makes and a compositor draws.

The same Scene, with its ``layout_seq``, goes to clients as the tile map and into snapshots. It is frozen, so every
thread may read it. A tile's identity is its participant and source, never its place.
"""

from dataclasses import dataclass
from typing import Literal

from mixer.geometry import Box, Size

Source = Literal["camera", "screen"]
Fit = Literal["cover", "contain"]

Align = tuple[float, float]
"""Across and down, 0 (left, top) to 1: which part of a cropped picture stays, or where a letterboxed one lies."""

CENTER: Align = (0.5, 0.5)


@dataclass(frozen=True, slots=True)
class TileKey:
    """Whose picture: the participant's id and which of their sources."""

    participant: str
    source: Source = "camera"


@dataclass(frozen=True, slots=True)
class Tile:
    """One person's place on the canvas.

    ``live`` False draws the avatar (initials of ``name`` on a colour made from ``key.participant``).
    ``label`` None draws no name. ``border`` is the strength of the speaker border, 0 to 1. ``z``: higher is nearer.
    ``muted`` draws the muted-microphone mark; ``reconnecting`` a veil over the last picture; ``hand`` a raised hand.
    ``align`` says which part of the picture ``cover`` keeps and where ``contain`` puts it, across and down: 0 is left
    or top, 1 right or bottom. ``opacity`` 0 to 1 lets through what lies beneath.
    """

    key: TileKey
    box: Box
    fit: Fit = "cover"
    z: int = 0
    name: str = ""
    label: str | None = None
    live: bool = True
    border: float = 0.0
    muted: bool = False
    reconnecting: bool = False
    align: Align = CENTER
    opacity: float = 1.0
    hand: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything on one canvas; ``tiles`` in drawing order (low z first). ``background`` is 0xRRGGBB.

    ``corner_radius_px`` None rounds the corners of tiles that stand free, by a radius that suits the canvas; a number
    rounds all by that many, 0 none. ``banner`` and ``countdown`` are lines of text above everything else, at the top.
    """

    canvas: Size
    tiles: tuple[Tile, ...] = ()
    background: int = 0x15181D
    layout_seq: int = 0
    corner_radius_px: int | None = None
    banner: str | None = None
    countdown: str | None = None

"""How large a picture has to be to fill a tile, and how that wish is kept from trembling. Time is an argument.

Nothing is asked for that the compositor would scale down: a picture of exactly the asked size is copied.
"""

import math
from dataclasses import dataclass
from typing import Final

from mcu.clock import NS_PER_S
from mcu.protocol.models import UplinkVideo
from mixer.geometry import Size
from mixer.scene import Source, Tile

USUAL_SHAPE: Final = Size(16, 9)
"""Of a picture that nobody has seen yet."""

SMALLEST_LINES: Final = 90
LARGEST: Final = Size(1920, 1080)
LARGEST_FPS: Final[dict[Source, int]] = {"camera": 30, "screen": 15}

REFERENCE_KBPS: Final[dict[Source, int]] = {"camera": 600, "screen": 900}
"""For 640×360 at 25 pictures a second; a screen has fine print."""
REFERENCE_RATE: Final = 640 * 360 * 25
BITS_EXPONENT: Final = 0.75
"""Twice the samples need less than twice the bits: 320×180 take 212 kbit/s, 1280×720 take 1700."""

SAME_SHAPE: Final = 0.04

SPARE: Final = 1.15
"""A picture up to this much larger than needed is let be: a new size costs the sender a keyframe."""

DOWN_HOLD_NS: Final = 3 * NS_PER_S
"""How long less must suffice before less is asked for: longer than a speaker holds a stage, or a layout moves."""


@dataclass(frozen=True, slots=True)
class Need:
    """The least that fills every tile of one source: in the shape of the source, sides even."""

    width: int
    height: int
    fps: int


def need_of(tile: Tile, shape: Size, fps: int) -> Need:
    """What fills ``tile`` in a view with ``fps`` pictures a second, of a source whose pictures have that ``shape``.
    Whatever ``cover`` cuts off must be sent as well; ``contain`` leaves bars.
    """
    across, down = tile.box.width / shape.width, tile.box.height / shape.height
    scale = max(across, down) if tile.fit == "cover" else min(across, down)
    scale = max(scale, SMALLEST_LINES / min(shape.width, shape.height))
    long, short = max(shape.width, shape.height), min(shape.width, shape.height)
    scale = min(scale, LARGEST.width / long, LARGEST.height / short)
    return Need(_even(shape.width * scale), _even(shape.height * scale), min(fps, LARGEST_FPS[tile.key.source]))


def shape_of(known: Size, seen: Size) -> Size:
    """The shape of a source, now that a picture of it was seen. Senders round the sides of what they make smaller: were
    each picture believed, the next wish would differ from the last one for ever.
    """
    across, down = seen.width * known.height, seen.height * known.width
    return known if abs(across - down) <= SAME_SHAPE * max(across, down) else seen


def most(one: Need | None, other: Need) -> Need:
    """What is enough for both."""
    if one is None:
        return other
    return Need(max(one.width, other.width), max(one.height, other.height), max(one.fps, other.fps))


def wish(need: Need, source: Source) -> UplinkVideo:
    rate = need.width * need.height * need.fps
    kbps = REFERENCE_KBPS[source] * (rate / REFERENCE_RATE) ** BITS_EXPONENT
    return UplinkVideo(width=need.width, height=need.height, fps=need.fps, kbps=max(50, round(kbps)))


class SteadyNeed:
    """What is asked of one source, over time: more at once, less (or nothing) when it was enough for a while."""

    def __init__(self) -> None:
        self.asked: Need | None = None
        self._less_since_ns: int | None = None
        self._most_meanwhile: Need | None = None

    def update(self, need: Need | None, now_ns: int) -> Need | None:
        """What to ask for now that ``need`` is the case; None: nothing."""
        asked = self.asked
        if need is not None and (asked is None or not _fills(asked, need)):
            self._settle(need)
        elif asked is None or (need is not None and _fits(asked, need)):
            self._less_since_ns = self._most_meanwhile = None
        else:
            self._spare(need, now_ns)
        return self.asked

    def _spare(self, need: Need | None, now_ns: int) -> None:
        """Less would do: it is asked for once nothing more was needed for the whole hold."""
        if self._less_since_ns is None:
            self._less_since_ns, self._most_meanwhile = now_ns, None
        if need is not None:
            self._most_meanwhile = most(self._most_meanwhile, need)
        if now_ns - self._less_since_ns >= DOWN_HOLD_NS:
            self._settle(self._most_meanwhile)

    def _settle(self, need: Need | None) -> None:
        self.asked = need
        self._less_since_ns = self._most_meanwhile = None


def _fills(asked: Need, need: Need) -> bool:
    return asked.width >= need.width and asked.height >= need.height and asked.fps >= need.fps


def _fits(asked: Need, need: Need) -> bool:
    """Not so much larger that it would be worth a change."""
    return asked.width <= need.width * SPARE and asked.height <= need.height * SPARE and asked.fps <= need.fps * SPARE


def _even(length: float) -> int:
    """Rounded up, but for what arithmetic added."""
    return max(2, 2 * math.ceil(round(length, 3) / 2))

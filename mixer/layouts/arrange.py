"""From the wish of a view and the facts about its people to a scene. Pure: same arguments, same scene."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mixer.geometry import Box, Size
from mixer.layouts.casting import on_stage, visible
from mixer.layouts.custom import CustomSpec, Region, boxes
from mixer.layouts.grid import even, grid, inset
from mixer.layouts.member import Member
from mixer.layouts.seating import Casting, Occasion, seat
from mixer.layouts.spec import LayoutSpec, Preset
from mixer.layouts.stage import corner, roomiest, stage_above, stage_beside
from mixer.layouts.strip import strip
from mixer.scene import Align, Fit, Scene, Tile

__all__ = ["Arrangement", "LayoutSpec", "Member", "arrange", "arrange_next"]

LARGEST_MARGIN = 1 / 8
"""Of the canvas's short side: a gap chosen for a large canvas must leave a small one room for its tiles."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A scene, and what the next one has to remember of it."""

    scene: Scene
    casting: Casting


def arrange(
    spec: LayoutSpec, members: Sequence[Member], canvas: Size, dominant: str | None, layout_seq: int = 0
) -> Scene:
    """Gives everybody their place, as if nobody had had one before. See ``arrange_next``."""
    return arrange_next(spec, members, canvas, dominant, layout_seq).scene


def arrange_next(
    spec: LayoutSpec,
    members: Sequence[Member],
    canvas: Size,
    dominant: str | None,
    layout_seq: int = 0,
    *,
    now_ns: int = 0,
    previous: Casting | None = None,
) -> Arrangement:
    """Gives everybody their place, remembering who had which.

    ``members`` are in join order; whoever leaves does not change the order of the others. ``dominant`` is the id of
    the dominant speaker. ``canvas`` has even sides. ``now_ns`` is the time of this tick, from which custom layouts
    count how long somebody has had a place; ``previous`` is the casting of the tick before. The tiles of the scene are
    inside the canvas and even, those of one z are disjoint, and they come in drawing order.

    Raises:
        ValueError: the canvas has odd sides, or is too small for so many tiles.
    """
    if not canvas.box.even:
        raise ValueError(f"a canvas has even sides, not {canvas.width}×{canvas.height}")
    custom = custom_now(spec, members)
    casting = Casting()
    if custom is not None:
        occasion = Occasion(members, dominant, spec.pinned, now_ns)
        tiles, casting = in_regions(custom, spec, occasion, canvas, previous or casting)
    else:
        tiles = in_preset(preset_now(spec, members), spec, visible(members, spec, dominant), canvas, dominant)
    return Arrangement(Scene(canvas, tuple(tiles), spec.background, layout_seq), casting)


def custom_now(spec: LayoutSpec, members: Sequence[Member]) -> CustomSpec | None:
    """The custom layout, unless a screen is shared that none of its regions asks for and a preset would show."""
    if spec.custom is None or spec.on_screen_share is None or not any(member.screen for member in members):
        return spec.custom
    return spec.custom if spec.custom.variant(len(members)).for_screens else None


def preset_now(spec: LayoutSpec, members: Sequence[Member]) -> Preset:
    """The preset that holds at this moment: another one may be wanted while somebody shares a screen."""
    screens = any(member.screen for member in members)
    preset = spec.on_screen_share if screens and spec.on_screen_share else spec.preset
    return "speaker" if preset == "presentation" and not screens else preset


def in_regions(
    custom: CustomSpec, spec: LayoutSpec, occasion: Occasion, canvas: Size, previous: Casting
) -> tuple[list[Tile], Casting]:
    """A custom layout: who is in which region, and the tiles from the farthest to the nearest."""
    regions = custom.variant(len(occasion.members)).regions
    casting = seat(regions, occasion, previous)
    known = {member.key: member for member in occasion.members}
    tiles = []
    for region in sorted(regions, key=lambda region: region.z):
        seats = casting.regions[region.id].seats
        for one, box in zip(seats, boxes(region, canvas, spec.gap, len(seats)), strict=False):
            tiles.append(region_tile(known[one.key], box, spec, region))
    return tiles, casting


def in_preset(preset: Preset, spec: LayoutSpec, shown: list[Member], canvas: Size, dominant: str | None) -> list[Tile]:
    short = min(canvas.width, canvas.height)
    gap = even(min(spec.gap, short * LARGEST_MARGIN))
    margin = gap if spec.margin is None else even(min(spec.margin, short * LARGEST_MARGIN))
    area = inset(canvas.box, margin)
    if not shown:
        return []
    if preset == "grid":
        boxes = [area] if len(shown) == 1 else grid(area, len(shown), gap)
        return [tile(member, box, spec) for member, box in zip(shown, boxes, strict=True)]
    if preset == "strip":
        return [tile(member, box, spec) for member, box in zip(shown, strip(area, len(shown), gap), strict=True)]
    others = shown.copy()
    star = others.pop(on_stage(shown, spec, dominant))
    if preset in ("spotlight", "pip"):
        # The whole canvas is theirs: a border at its edge would mark nobody out.
        stage = tile(replace(star, speaking=0.0), canvas.box, spec)
        insets = [] if preset == "spotlight" else corner(area, len(others), gap)
        return [stage, *(tile(member, box, spec, z=1) for member, box in zip(others, insets, strict=False))]
    return staged(preset, spec, star, others, area, gap)


def staged(preset: Preset, spec: LayoutSpec, star: Member, others: list[Member], area: Box, gap: int) -> list[Tile]:
    """One on the stage and the others, in their order, in the small places."""
    if preset == "speaker":
        stage, small = stage_above(area, len(others), gap)
    elif preset == "sidebar":
        stage, small = stage_beside(area, len(others), gap)
    else:
        stage, small = roomiest(area, len(others), gap)
    return [tile(star, stage, spec), *(tile(member, box, spec) for member, box in zip(others, small, strict=True))]


def region_tile(member: Member, box: Box, spec: LayoutSpec, region: Region) -> Tile:
    return tile(member, box, spec, z=region.z, fit=region.fit, align=region.align)


def tile(
    member: Member, box: Box, spec: LayoutSpec, *, z: int = 0, fit: Fit | None = None, align: Align | None = None
) -> Tile:
    return Tile(
        key=member.key,
        box=box,
        fit=fit or ("contain" if member.screen else spec.fit),
        z=z,
        name=member.name,
        label=member.name if spec.labels else None,
        live=member.live,
        border=0.0 if member.screen or not spec.highlight_speaker else min(1.0, max(0.0, member.speaking)),
        muted=member.muted and not member.screen,
        reconnecting=member.reconnecting,
        align=spec.align if align is None else align,
        hand=member.hand and not member.screen,
    )

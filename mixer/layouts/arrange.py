"""From the wish of a view and the facts about its people to a scene. Pure: same arguments, same scene."""

from collections.abc import Sequence
from dataclasses import replace

from mixer.geometry import Box, Size
from mixer.layouts.casting import on_stage, visible
from mixer.layouts.grid import even, grid, inset
from mixer.layouts.spec import LayoutSpec, Member, Preset
from mixer.layouts.stage import roomiest, stage_above
from mixer.scene import Fit, Scene, Tile

__all__ = ["LayoutSpec", "Member", "arrange"]

LARGEST_MARGIN = 1 / 8
"""Of the canvas's short side: a gap chosen for a large canvas must leave a small one room for its tiles."""


def arrange(
    spec: LayoutSpec, members: Sequence[Member], canvas: Size, dominant: str | None, layout_seq: int = 0
) -> Scene:
    """Gives everybody their place.

    ``members`` are in join order; whoever leaves does not change the order of the others. ``dominant`` is the id of
    the dominant speaker. ``canvas`` has even sides. The tiles of the scene are disjoint, inside the canvas and even.

    Raises:
        ValueError: the canvas has odd sides, or is too small for so many tiles.
    """
    if not canvas.box.even:
        raise ValueError(f"a canvas has even sides, not {canvas.width}×{canvas.height}")
    preset = preset_now(spec, members)
    shown = visible(members, spec, dominant)
    gap = even(min(spec.gap, min(canvas.width, canvas.height) * LARGEST_MARGIN))
    area = inset(canvas.box, gap)
    if not shown:
        tiles = []
    elif preset == "spotlight":
        star = replace(shown[on_stage(shown, spec, dominant)], speaking=0.0)
        tiles = [tile(star, canvas.box, spec)]
    elif preset == "grid":
        boxes = [area] if len(shown) == 1 else grid(area, len(shown), gap)
        tiles = [tile(member, box, spec) for member, box in zip(shown, boxes, strict=True)]
    else:
        tiles = staged(preset, spec, shown, area, gap, dominant)
    return Scene(canvas, tuple(tiles), spec.background, layout_seq)


def preset_now(spec: LayoutSpec, members: Sequence[Member]) -> Preset:
    """The preset that holds at this moment: another one may be wanted while somebody shares a screen."""
    screens = any(member.screen for member in members)
    preset = spec.on_screen_share if screens and spec.on_screen_share else spec.preset
    return "speaker" if preset == "presentation" and not screens else preset


def staged(
    preset: Preset, spec: LayoutSpec, shown: list[Member], area: Box, gap: int, dominant: str | None
) -> list[Tile]:
    """One on the stage and the others, in their order, in the small places."""
    others = shown.copy()
    star = others.pop(on_stage(shown, spec, dominant))
    if preset == "speaker":
        stage, boxes = stage_above(area, len(others), gap)
    else:
        stage, boxes = roomiest(area, len(others), gap)
    small = [tile(member, box, spec) for member, box in zip(others, boxes, strict=True)]
    return [tile(star, stage, spec), *small]


def tile(member: Member, box: Box, spec: LayoutSpec) -> Tile:
    fit: Fit = "contain" if member.screen else spec.fit
    return Tile(
        key=member.key,
        box=box,
        fit=fit,
        name=member.name,
        label=member.name if spec.labels else None,
        live=member.live,
        border=0.0 if member.screen or not spec.highlight_speaker else min(1.0, max(0.0, member.speaking)),
        muted=member.muted and not member.screen,
        reconnecting=member.reconnecting,
    )

"""A layout as the wire has it, in the mixer's words."""

from fractions import Fraction

from mcu.protocol import fractions
from mcu.protocol import regions as wire
from mcu.protocol.layout import Layout
from mixer.layouts.custom import AutomaticCells, Cells, CustomSpec, Region, Variant
from mixer.layouts.pick import Pick
from mixer.layouts.spec import LayoutSpec
from mixer.scene import Align


def layout_spec(layout: Layout) -> LayoutSpec:
    """The wish of a view, for ``mixer.layouts.arrange``. When it takes effect is not the mixer's business."""
    return LayoutSpec(
        preset=layout.own_preset,
        fit=layout.fit,
        gap=layout.gap,
        max_tiles=layout.max_tiles,
        labels=layout.labels,
        highlight_speaker=layout.highlight_speaker,
        on_screen_share=layout.on_screen_share,
        background=int(layout.background[1:], 16),
        pinned=layout.pinned,
        margin=layout.margin,
        align=_align(layout.align),
        custom=CustomSpec(tuple(map(_variant, layout.variants))) if layout.variants else None,
    )


def _variant(variant: wire.Variant) -> Variant:
    return Variant(tuple(map(_region, variant.regions)), variant.min, variant.max)


def _region(region: wire.Region) -> Region:
    return Region(
        id=region.id,
        box=region.fractions,
        pick=_pick(region.pick),
        z=region.z,
        fit=region.fit,
        align=_align(region.align),
        cells=_cells(region),
    )


def _cells(region: wire.Region) -> Cells | AutomaticCells | None:
    cells = region.grid
    if cells is None:
        return None
    if cells.columns is None or cells.rows is None:
        return AutomaticCells(region.places, cells.gap)
    return Cells(cells.columns, cells.rows, frozenset(cells.exclude), cells.gap)


def _pick(pick: wire.Pick) -> Pick:
    return Pick(
        first=pick.first,
        hold_ms=pick.hold_ms,
        match=pick.match,
        order=pick.order,
        overflow=pick.overflow,
        page_ms=pick.page_ms,
        reserve=pick.reserve,
    )


def _align(align: fractions.Align) -> Align:
    x, y = fractions.ALIGNMENTS[align] if isinstance(align, str) else map(_exact, align)
    return float(x), float(y)


def _exact(value: str | int | float) -> Fraction:
    return fractions.fraction(value)

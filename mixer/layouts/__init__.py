"""Layouts: who goes where on a canvas. Arithmetic alone, no pixels."""

from mixer.layouts.arrange import Arrangement, arrange, arrange_next
from mixer.layouts.custom import AutomaticCells, Cells, CustomSpec, Region, Variant
from mixer.layouts.member import Member
from mixer.layouts.pick import Pick
from mixer.layouts.seating import Casting
from mixer.layouts.spec import LayoutSpec, Preset

__all__ = [
    "Arrangement",
    "AutomaticCells",
    "Casting",
    "Cells",
    "CustomSpec",
    "LayoutSpec",
    "Member",
    "Pick",
    "Preset",
    "Region",
    "Variant",
    "arrange",
    "arrange_next",
]

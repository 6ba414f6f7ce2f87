"""Layouts: who goes where on a canvas. Arithmetic alone, no pixels."""

from mixer.layouts.arrange import arrange
from mixer.layouts.spec import LayoutSpec, Member, Preset

__all__ = ["LayoutSpec", "Member", "Preset", "arrange"]

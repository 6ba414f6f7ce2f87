"""Boxes and sizes in whole pixels. Arithmetic on small frozen records; no pixels, no numpy.

4:2:0 pictures store one chroma sample for two by two luma samples, so every box that is drawn starts and ends on an
even pixel: an odd edge would shear the colour against the brightness by half a sample.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels, both at least 1."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a size is at least 1×1, not {self.width}×{self.height}")

    @property
    def box(self) -> "Box":
        return Box(0, 0, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: left-top corner and extent, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def even(self) -> bool:
        """True when both planes of 4:2:0 can hold the box exactly."""
        return not (self.x | self.y | self.width | self.height) & 1

    def overlaps(self, other: "Box") -> bool:
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def contains(self, other: "Box") -> bool:
        return self.x <= other.x and self.y <= other.y and other.right <= self.right and other.bottom <= self.bottom

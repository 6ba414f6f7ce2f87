"""A picture in I420: three planes, never RGB on the live path."""

from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from mixer.geometry import Size

Plane = NDArray[np.uint8]

_serials = count()


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Y, U and V planes (uint8, limited range, BT.601): ``y`` is (height, width), ``u`` and ``v`` are
    (ceil(height / 2), ceil(width / 2)). Planes may be strided views into a decoder's or a pool's memory; whoever made
    the picture says how long they may be read.

    ``serial`` is a number that no other picture of this process has: whoever knows what was drawn of it needs neither
    look again nor keep it alive. So new pixels want a new Picture, also when they lie in the same memory.
    """

    y: Plane
    u: Plane
    v: Plane
    serial: int = field(default_factory=_serials.__next__, init=False)

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        return int(self.y.shape[0])

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        return self.y, self.u, self.v

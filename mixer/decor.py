"""What a view wears besides its people: pictures that a Scene, being arithmetic alone, cannot hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mixer.picture import Picture

Corner = Literal["top_left", "top_right", "bottom_left", "bottom_right"]


@dataclass(frozen=True, slots=True, eq=False)
class Logo:
    """An image over everything: uint8 BGRA of shape (height, width, 4), straight alpha, not changed afterwards.
    ``width`` is the part of the canvas's width that it takes, up to 1.

    Raises:
        ValueError: another shape or an impossible width.
    """

    image: NDArray[np.uint8]
    corner: Corner = "top_right"
    width: float = 0.1

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 4 or self.image.dtype != np.uint8 or not self.image.size:
            raise ValueError(f"a logo is uint8 BGRA of (height, width, 4), not {self.image.dtype} {self.image.shape}")
        if not 0 < self.width <= 1:
            raise ValueError(f"a logo takes more than 0 and up to 1 of the canvas's width, not {self.width}")


@dataclass(frozen=True, slots=True, eq=False)
class Decor:
    """``background`` lies behind everything, cut to cover the canvas. ``avatars``, by participant's id, stand in for
    the initials of those whose camera is off. Keep one object for as long as nothing in it changes.
    """

    background: Picture | None = None
    logo: Logo | None = None
    avatars: Mapping[str, Picture] = field(default_factory=dict)


BARE = Decor()

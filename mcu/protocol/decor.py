"""What a view wears besides its people: a banner with a countdown, a background image, a logo, avatars."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, StringConstraints

from mcu.protocol.models import Frozen
from mcu.protocol.names import clean_text

MAX_BANNER_CHARS = 200

MAX_IMAGE_BYTES = 1024 * 1024

ImageFile = Annotated[bytes, Field(min_length=1, max_length=MAX_IMAGE_BYTES)]
"""A JPEG, PNG or WebP file, whole."""

Corner = Literal["top_left", "top_right", "bottom_left", "bottom_right"]
LogoWidth = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
"""The part of the canvas's width that a logo takes."""


def _written(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError("is written as in ISO 8601, with its zone: 2026-12-24T18:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    if not 1970 <= value.year < 9999:
        raise ValueError("lies between the years 1970 and 9998")
    return value.astimezone(UTC)


class Banner(Frozen):
    """Lines at the top of a view. A countdown that has reached 0:00 stays for five seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Annotated[str, StringConstraints(max_length=MAX_BANNER_CHARS), AfterValidator(clean_text)] | None = None
    countdown_to: Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_utc)] | None = Field(
        default=None, description="counts down to this time, which has a time zone"
    )


class LogoPlace(Frozen):
    corner: Corner = "top_right"
    width: LogoWidth = 0.1


class ViewDecor(Frozen):
    """Which images a view wears. Whose avatars are drawn is said of each participant."""

    background_image: bool = Field(default=False, description="it has one, over its background colour")
    logo: LogoPlace | None = None

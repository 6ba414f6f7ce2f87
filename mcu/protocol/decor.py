"""What a view wears besides its people: a banner with a countdown."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, StringConstraints

from mcu.protocol.models import Frozen
from mcu.protocol.names import clean_text

MAX_BANNER_CHARS = 200


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

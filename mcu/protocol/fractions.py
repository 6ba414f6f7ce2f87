"""Places on a canvas as exact fractions of it, kept as they were written."""

import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

FRACTION = r"^([0-9]{1,5}/[0-9]{1,5}|[0-9]{1,5}(\.[0-9]{1,9})?)$"

ALIGNMENTS = {
    "center": (Fraction(1, 2), Fraction(1, 2)),
    "top": (Fraction(1, 2), Fraction(0)),
    "bottom": (Fraction(1, 2), Fraction(1)),
    "left": (Fraction(0), Fraction(1, 2)),
    "right": (Fraction(1), Fraction(1, 2)),
    "top-left": (Fraction(0), Fraction(0)),
    "top-right": (Fraction(1), Fraction(0)),
    "bottom-left": (Fraction(0), Fraction(1)),
    "bottom-right": (Fraction(1), Fraction(1)),
}


def fraction(value: str | int | float) -> Fraction:
    """A checked coordinate as an exact number: 0.1 is a tenth, not the binary number nearest to it."""
    return Fraction(str(value))


def _coordinate(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError('must be a fraction of the canvas, such as "3/4" or 0.75')
    if isinstance(value, str) and not re.fullmatch(FRACTION, value):
        raise ValueError(f'must be a fraction of the canvas, such as "3/4" or "0.75", not {value[:20]!r}')
    try:
        inside = 0 <= fraction(value) <= 1
    except (ValueError, ZeroDivisionError):
        raise ValueError("must be a number") from None
    if not inside:
        raise ValueError("must lie between 0 and 1: it is a fraction of the canvas")
    return value


_COORDINATE_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "string", "pattern": FRACTION}, {"type": "number", "minimum": 0, "maximum": 1}],
    "examples": ["3/4", 0.75],
}

Coordinate = Annotated[str | int | float, BeforeValidator(_coordinate), WithJsonSchema(_COORDINATE_SCHEMA)]


def _alignment(value: object) -> object:
    if isinstance(value, list | tuple) and len(value) == 2:
        return tuple(_coordinate(one) for one in value)
    if isinstance(value, str) and value in ALIGNMENTS:
        return value
    raise ValueError(f"must be one of {', '.join(ALIGNMENTS)}, or [x, y] in fractions")


Align = Annotated[
    str | tuple[str | int | float, str | int | float],
    BeforeValidator(_alignment),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(ALIGNMENTS)},
                {"type": "array", "items": _COORDINATE_SCHEMA, "minItems": 2, "maxItems": 2},
            ]
        }
    ),
]
"""Which part of a picture stays in view when it is cropped, and where a letterboxed one lies in its box."""

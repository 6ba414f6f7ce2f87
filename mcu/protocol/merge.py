"""Changing a part of a resource: JSON merge patches (RFC 7396), and the layout or the attributes that one makes."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError

from mcu.errors import Unprocessable
from mcu.protocol.layout import Layout
from mcu.protocol.names import MAX_ATTRIBUTES

MAX_DEPTH = 16
"""No layout is nested deeper; what goes deeper is refused before anybody walks down there."""

NULLABLE = tuple(name for name, field in Layout.model_fields.items() if type(None) in get_args(field.annotation))


def merge_patch(target: Any, patch: Any, depth: int = MAX_DEPTH) -> Any:
    """``target`` as ``patch`` changes it (RFC 7396, section 2): objects are merged member by member, null removes a
    member, everything else replaces. Neither argument is changed. Raises ValueError when objects in ``patch`` are
    nested deeper than ``depth``.
    """
    if not isinstance(patch, Mapping):
        return patch
    if depth == 0:
        raise ValueError("nested too deeply")
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value, depth - 1)
    return merged


def patched(layout: Layout, patch: Mapping[str, Any]) -> Layout:
    """``layout`` with ``patch`` merged into it. A field the patch removes is none where it can be none, else its
    default: so ``{"on_screen_share": null}`` means what it says. Raises Unprocessable naming the field that is wrong.
    """
    try:
        merged = merge_patch(layout.model_dump(mode="json"), patch)
    except ValueError as error:
        raise Unprocessable(str(error)) from None
    try:
        return Layout.model_validate(dict.fromkeys(NULLABLE) | merged)
    except ValidationError as error:
        raise invalid(error) from None


def patched_attributes(attributes: Mapping[str, str], patch: Mapping[str, str | None]) -> dict[str, str]:
    """``attributes`` with ``patch`` merged into them. Raises Unprocessable when they become too many."""
    merged: dict[str, str] = merge_patch(attributes, patch)
    if len(merged) > MAX_ATTRIBUTES:
        raise Unprocessable(f"a participant has at most {MAX_ATTRIBUTES} attributes", field="attributes")
    return merged


def invalid(error: ValidationError) -> Unprocessable:
    """The first of pydantic's complaints, and how many more there are."""
    first, *more = error.errors(include_input=False, include_url=False)
    message = str(first["msg"]).removeprefix("Value error, ")
    path = ".".join(str(part) for part in first["loc"])
    others = f" (and {len(more)} more)" if more else ""
    return Unprocessable(message + others, field=path or None)

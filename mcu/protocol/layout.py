"""The layout resource, as PUT and PATCH see it."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)

from mcu.protocol.faults import fault
from mcu.protocol.fractions import Align
from mcu.protocol.names import ParticipantId
from mcu.protocol.regions import MAX_VARIANTS, Strict, Variant, check_reach

PresetName = Literal["grid", "speaker", "sidebar", "pip", "presentation", "spotlight", "strip"]

ALIASES = {"bestFit": "grid", "horizontalPresentation": "speaker", "verticalPresentation": "sidebar"}
"""What other systems call our presets. A layout is kept, and given back, under our names."""


def _canonical(value: object) -> object:
    return ALIASES.get(value, value) if isinstance(value, str) else value


Preset = Annotated[PresetName, BeforeValidator(_canonical)]


PLUGIN = "plugin:"
PLUGIN_PRESET = r"^plugin:[A-Za-z0-9_.\-]{1,64}$"


def _preset(value: object) -> str:
    if isinstance(value, str) and value.startswith(PLUGIN):
        if not re.match(PLUGIN_PRESET, value):
            raise ValueError("a plug-in is named plugin:<name>")
        return value
    return _PRESETS.validate_python(value)


_PRESETS: TypeAdapter[PresetName] = TypeAdapter(Preset)

AnyPreset = Annotated[
    str,
    PlainValidator(_preset),
    WithJsonSchema({"anyOf": [_PRESETS.json_schema(), {"type": "string", "pattern": PLUGIN_PRESET}]}),
]
"""A preset, or ``plugin:<name>`` for a layout plug-in that is installed on the server."""


def _moment(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError("is written as in ISO 8601, with its zone: 2026-12-24T18:00:00Z")
    return None if value == "now" else value


def _in_utc(value: datetime | None) -> datetime | None:
    if value is not None and not 1970 <= value.year < 9999:
        raise ValueError("lies between the years 1970 and 9998")
    return value and value.astimezone(UTC)


class Transition(Strict):
    """How people move to their new places. ``ms`` 0: at once."""

    ms: int = Field(default=250, ge=0, le=10_000)
    ease: Literal["linear", "in", "out", "in_out"] = "in_out"


class Layout(BaseModel):
    """How a view arranges its people.

    ``grid``: all tiles of one size, as large as can be. ``speaker``: a stage with the pinned person, a screen or
    whoever speaks, and a strip of the others below it. ``sidebar``: the same with the others in a column at the right.
    ``pip``: one on the whole canvas, the others small in its corner. ``presentation``: the screen large, cameras beside
    or below it. ``spotlight``: one tile on the whole canvas. ``strip``: everybody in one row, or one column on an
    upright canvas.

    ``plugin:<name>``: what a plug-in of the server makes of it, see the entry point group ``mcu.layouts``.

    With ``variants`` the layout is a custom one: ``preset``, ``margin`` and ``max_tiles`` are of no effect, ``gap`` is
    that between the cells of a region, and ``on_screen_share`` applies only while no region of the variant in force
    asks for screens.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: AnyPreset = "grid"
    fit: Literal["cover", "contain"] = "cover"
    align: Align = "center"
    gap: int = Field(default=8, ge=0, le=64, description="pixels between tiles")
    margin: int | None = Field(default=None, ge=0, le=256, description="pixels around the tiles; null: as the gap")
    max_tiles: int = Field(default=16, ge=1, le=49)
    labels: bool = True
    highlight_speaker: bool = True
    on_screen_share: Preset | None = Field(default="presentation", description="the preset while somebody shares")
    background: str = Field(default="#15181D", pattern=r"^#[0-9A-Fa-f]{6}$")
    pinned: ParticipantId | None = None
    variants: tuple[Variant, ...] | None = Field(default=None, max_length=MAX_VARIANTS)
    transition: Transition = Transition()
    at: Annotated[AwareDatetime | None, BeforeValidator(_moment), AfterValidator(_in_utc)] = Field(
        default=None, description="when the layout takes effect, with its time zone; null or past: now"
    )

    @property
    def plugin(self) -> str | None:
        """The name of the plug-in that arranges, where one does."""
        named = self.variants is None and self.preset.startswith(PLUGIN)
        return self.preset.removeprefix(PLUGIN) if named else None

    @property
    def own_preset(self) -> PresetName:
        """The preset; ``grid`` where a plug-in arranges, for when it fails."""
        return "grid" if self.preset.startswith(PLUGIN) else _PRESETS.validate_python(self.preset)

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        if self.variants is not None and not self.variants:
            raise fault(("variants",), "needs at least one variant; null for a preset")
        for place, reason in check_reach(self.variants or ()):
            raise fault(("variants", place), reason)
        return self


class LayoutState(BaseModel):
    """A layout with its version; ``etag`` is what ``If-Match`` must name."""

    layout: Layout
    etag: str


def layout_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a layout, for editors and generators."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Layout.model_json_schema()}

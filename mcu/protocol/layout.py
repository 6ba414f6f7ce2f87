"""The layout resource, as PUT and PATCH see it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mcu.protocol.names import ParticipantId

Preset = Literal["grid", "speaker", "presentation", "spotlight"]


class Layout(BaseModel):
    """How a view arranges its people.

    ``grid``: all tiles of one size, as large as can be. ``speaker``: a stage with the pinned person, a screen or
    whoever speaks, and a strip of the others. ``presentation``: the screen large, cameras in a column beside it.
    ``spotlight``: one tile on the whole canvas.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Preset = "grid"
    fit: Literal["cover", "contain"] = "cover"
    gap: int = Field(default=8, ge=0, le=64, description="pixels between tiles and around them")
    max_tiles: int = Field(default=16, ge=1, le=49)
    labels: bool = True
    highlight_speaker: bool = True
    on_screen_share: Preset | None = Field(default="presentation", description="the preset while somebody shares")
    background: str = Field(default="#15181D", pattern=r"^#[0-9A-Fa-f]{6}$")
    pinned: ParticipantId | None = None


class LayoutState(BaseModel):
    """A layout with its version; ``etag`` is what ``If-Match`` must name."""

    layout: Layout
    etag: str

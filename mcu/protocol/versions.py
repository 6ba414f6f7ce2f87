"""How a layout changes over time: the versions it has been through, and the changes that are still to come."""

from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from mcu.protocol.layout import Layout
from mcu.protocol.models import Frozen

ChangeId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{1,32}$")]
Author = Annotated[str, StringConstraints(max_length=64)]
"""Who changed something: a participant's id, or ``admin``."""

MAX_VERSIONS = 50
"""So many versions of a layout are remembered, for the history and for undo."""

MAX_SCHEDULED = 16


class LayoutVersion(Frozen):
    """One version of a view's layout. ``scheduled`` is the id of the scheduled change that made it."""

    etag: str = Field(pattern=r"^[0-9]+-[0-9a-f]+$")
    layout: Layout
    changed_at: AwareDatetime
    by: Author | None = None
    scheduled: ChangeId | None = None
    undo: bool = Field(default=False, description="it was made by taking back another version")

    @property
    def number(self) -> int:
        """Versions of a view count from 1; the etag begins with it."""
        return int(self.etag.partition("-")[0])


class LayoutHistory(Frozen):
    """The newest version comes first."""

    versions: tuple[LayoutVersion, ...] = Field(max_length=MAX_VERSIONS)


class ScheduledLayout(Frozen):
    """A change that waits for its time: either a whole ``layout``, or a merge ``patch`` for the one of that time."""

    id: ChangeId
    at: AwareDatetime
    layout: Layout | None = None
    patch: dict[str, Any] | None = None
    by: Author | None = None


class ScheduledLayouts(Frozen):
    """The next one comes first."""

    scheduled: tuple[ScheduledLayout, ...] = Field(max_length=MAX_SCHEDULED)

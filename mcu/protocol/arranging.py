"""What is asked of a view's layout."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from mcu.protocol.layout import Layout
from mcu.protocol.models import Frozen
from mcu.protocol.names import ViewName
from mcu.protocol.versions import MAX_SCHEDULED, MAX_VERSIONS, Author, ChangeId, LayoutVersion, ScheduledLayout

Etag = Annotated[str, StringConstraints(max_length=128)]


class GetLayout(Frozen):
    """→ ``LayoutState``"""

    type: Literal["get_layout"] = "get_layout"
    view: ViewName = "main"


class SetLayout(Frozen):
    """→ ``LayoutState``, or ``ScheduledLayout`` when its ``at`` lies ahead. Raises ``LayoutChanged`` when
    ``if_match`` isn't the etag of this moment; when the time ``at`` comes nothing is compared any more.
    """

    type: Literal["set_layout"] = "set_layout"
    view: ViewName = "main"
    layout: Layout
    if_match: Etag | None = None
    by: Author | None = None


class MergeLayout(Frozen):
    """→ as ``SetLayout``. ``patch`` is a JSON merge patch (RFC 7396); with ``at`` it is merged into the layout of that
    time. Raises ``Unprocessable`` when what comes out is no layout.
    """

    type: Literal["merge_layout"] = "merge_layout"
    view: ViewName = "main"
    patch: dict[str, Any]
    if_match: Etag | None = None
    by: Author | None = None


class UndoLayout(Frozen):
    """→ ``LayoutState``: the layout as it was before the last change that is not undone yet. Raises ``Conflict`` when
    there is none.
    """

    type: Literal["undo_layout"] = "undo_layout"
    view: ViewName = "main"
    if_match: Etag | None = None
    by: Author | None = None


class GetLayoutHistory(Frozen):
    """→ ``LayoutHistory``"""

    type: Literal["get_layout_history"] = "get_layout_history"
    view: ViewName = "main"


class ListScheduledLayouts(Frozen):
    """→ ``ScheduledLayouts``"""

    type: Literal["list_scheduled_layouts"] = "list_scheduled_layouts"
    view: ViewName = "main"


class CancelScheduledLayout(Frozen):
    """→ ``Done``. Raises ``NotFound`` when it was applied, dropped or cancelled already."""

    type: Literal["cancel_scheduled_layout"] = "cancel_scheduled_layout"
    view: ViewName = "main"
    id: ChangeId


class RestoreLayout(Frozen):
    """→ ``LayoutState``. A layout as it was before its room was opened again, with its versions (the newest first) and
    what was scheduled; that whose time has passed meanwhile is made at once. For a view that is new.
    """

    type: Literal["restore_layout"] = "restore_layout"
    view: ViewName = "main"
    versions: tuple[LayoutVersion, ...] = Field(default=(), max_length=MAX_VERSIONS)
    scheduled: tuple[ScheduledLayout, ...] = Field(default=(), max_length=MAX_SCHEDULED)


LayoutCommand = (
    GetLayout
    | SetLayout
    | MergeLayout
    | UndoLayout
    | GetLayoutHistory
    | ListScheduledLayouts
    | CancelScheduledLayout
    | RestoreLayout
)
"""What a view's layout is asked."""

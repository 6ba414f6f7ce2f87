"""What is asked of views: to be made and changed, to be watched, to be shown as they are now."""

from typing import Literal

from mcu.protocol.models import Frozen, TileHealth, ViewChanges, ViewSpec, WithBytes
from mcu.protocol.names import ParticipantId, ViewName


class GetTiles(Frozen):
    """→ ``TileMap``"""

    type: Literal["get_tiles"] = "get_tiles"
    view: ViewName = "main"


class TakeSnapshot(Frozen):
    """→ ``Snapshot``"""

    type: Literal["take_snapshot"] = "take_snapshot"
    view: ViewName = "main"
    format: Literal["jpg", "png"] = "jpg"


class Snapshot(WithBytes):
    content_type: str
    data: bytes


class GetTileHealth(Frozen):
    """→ ``TileHealthList``: every source of the room, with or without a tile in the view."""

    type: Literal["get_tile_health"] = "get_tile_health"
    view: ViewName = "main"


class TileHealthList(Frozen):
    view: ViewName
    tiles: tuple[TileHealth, ...]


class ListViews(Frozen):
    """→ ``ViewList``"""

    type: Literal["list_views"] = "list_views"


class ViewList(Frozen):
    views: tuple[ViewSpec, ...]


class CreateView(Frozen):
    """→ ``ViewSpec``. Raises ``Conflict`` (``view_exists``, ``too_many_views``)."""

    type: Literal["create_view"] = "create_view"
    spec: ViewSpec


class UpdateView(Frozen):
    """→ ``ViewSpec``. Viewers stay and see a keyframe of the new shape. Raises ``Conflict`` (``wrong_state``) where
    canvas, rate or bitrate would change in the middle of a recording of the view.
    """

    type: Literal["update_view"] = "update_view"
    view: ViewName = "main"
    changes: ViewChanges


class DeleteView(Frozen):
    """→ ``Done``, once every viewer has gone over to ``main``. Raises ``Conflict`` (``wrong_state``) for ``main``, and
    for a view that is being recorded.
    """

    type: Literal["delete_view"] = "delete_view"
    view: ViewName


class WatchView(Frozen):
    """→ ``ParticipantInfo``, once the participant's connection, if there is one, is served from that view. Raises
    ``Forbidden`` where the view is that of a group which they are not in, unless they are a moderator.
    """

    type: Literal["watch_view"] = "watch_view"
    participant: ParticipantId
    view: ViewName = "main"

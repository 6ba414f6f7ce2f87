"""``/rooms/{room}/views/{view}/layout``: a layout, its versions, and the changes that wait for their time."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Response

from api.previews import MEDIA_TYPES, DrawnLayout, Kind
from api.routes.common import GatewayDep, RoomDep, ViewPath, problems
from api.session import RoomControl
from mcu.errors import LayoutChanged
from mcu.protocol.commands import MergeLayout, SetLayout
from mcu.protocol.layout import Layout, LayoutState, layout_schema
from mcu.protocol.versions import ChangeId, LayoutHistory, ScheduledLayout, ScheduledLayouts

router = APIRouter(tags=["layouts"])
LAYOUT = "/rooms/{room}/views/{view}/layout"

DryRun = Annotated[
    Kind | None,
    Query(alias="dry_run", description="Draw it with made-up people and change nothing."),
]
People = Annotated[int, Query(alias="participants", ge=0, le=49, description="How many a dry run draws.")]
Screens = Annotated[int, Query(alias="screens", ge=0, le=49, description="How many of them share a screen.")]
IfMatch = Annotated[str | None, Header(max_length=512, description="Change it only if this is its ETag.")]
ChangePath = Annotated[ChangeId, Path(alias="change", description="The id of the scheduled change.")]


DRAWN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The layout; with `dry_run`, what it looks like.",
        "content": {
            "image/svg+xml": {"schema": {"type": "string"}},
            "image/png": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
Shown = Layout | DrawnLayout
CHANGES: dict[int | str, dict[str, Any]] = {
    **DRAWN,
    **problems(400, 404, 409, 412, 413, 415, 503),
    202: {"model": ScheduledLayout, "description": "It will be made at that time; `Location` is where to cancel it."},
}


class Dry:
    """A dry run that was asked for with ``dry_run``, ``participants`` and ``screens``; it is false where none was."""

    def __init__(
        self, gateway: GatewayDep, kind: DryRun = None, participants: People = 5, screens: Screens = 0
    ) -> None:
        self._previews = gateway.previews
        self._kind = kind
        self._participants = participants
        self._screens = screens

    def __bool__(self) -> bool:
        return self._kind is not None

    async def of(self, layout: Layout, room: RoomControl, view: str) -> Response:
        kind = self._kind or "svg"
        spec = await room.view(view)
        picture = await self._previews.draw(layout, spec, self._participants, self._screens, kind)
        return Response(picture, media_type=MEDIA_TYPES[kind])


DryDep = Annotated[Dry, Depends()]


@router.get(LAYOUT, operation_id="get_layout", response_model=Shown, responses=DRAWN | problems(404, 503))
async def get_layout(room: RoomDep, view: ViewPath, response: Response, dry: DryDep) -> Layout | Response:
    """The layout; its version is in the `ETag`. With `dry_run`: what it looks like with so many people."""
    state = await room.layout(view)
    return await dry.of(state.layout, room, view) if dry else _layout(state, response)


@router.put(LAYOUT, operation_id="put_layout", response_model=Shown, responses=CHANGES)
async def put_layout(
    room: RoomDep,
    view: ViewPath,
    layout: Annotated[Layout, Body(examples=[{"preset": "speaker", "gap": 4}])],
    response: Response,
    dry: DryDep,
    if_match: IfMatch = None,
) -> Layout | Response:
    """Replaces the layout; what isn't named gets its default. With `at` that happens then, and `If-Match` is about
    now. With `dry_run` nothing happens, and the answer shows what would.
    """
    etag = await _expected(room, view, if_match)
    if dry:
        room.may_arrange()
        return await dry.of(layout, room, view)
    return await _change(room, SetLayout(view=view, layout=layout, if_match=etag), response)


@router.patch(LAYOUT, operation_id="patch_layout", response_model=Shown, responses=CHANGES)
async def patch_layout(
    room: RoomDep,
    view: ViewPath,
    patch: Annotated[dict[str, Any], Body(examples=[{"preset": "grid"}, {"pinned": None}])],
    response: Response,
    dry: DryDep,
    if_match: IfMatch = None,
) -> Layout | Response:
    """Merges into the layout (RFC 7396): what isn't named stays, null takes away. With `at` that happens then, into
    the layout as it will be. With `dry_run` nothing happens, and the answer shows what would.
    """
    etag = await _expected(room, view, if_match)
    if dry:
        return await dry.of(await room.merged_layout(view, patch), room, view)
    return await _change(room, MergeLayout(view=view, patch=patch, if_match=etag), response)


@router.delete(LAYOUT, operation_id="undo_layout", responses=problems(404, 409, 412))
async def undo_layout(room: RoomDep, view: ViewPath, response: Response, if_match: IfMatch = None) -> Layout:
    """Undoes the last change that is not undone yet."""
    etag = await _expected(room, view, if_match)
    return _layout(await room.undo_layout(view, etag), response)


@router.get(f"{LAYOUT}/history", operation_id="list_layout_versions", responses=problems(404))
async def list_layout_versions(room: RoomDep, view: ViewPath) -> LayoutHistory:
    """The last versions, the newest first. To go back to one, PUT its layout."""
    return await room.layout_history(view)


@router.get(f"{LAYOUT}/scheduled", operation_id="list_scheduled_layouts", responses=problems(404))
async def list_scheduled_layouts(room: RoomDep, view: ViewPath) -> ScheduledLayouts:
    """The changes that wait for their time, the next one first."""
    return await room.scheduled_layouts(view)


@router.delete(
    f"{LAYOUT}/scheduled/{{change}}", operation_id="cancel_scheduled_layout", status_code=204, responses=problems(404)
)
async def cancel_scheduled_layout(room: RoomDep, view: ViewPath, change: ChangePath) -> None:
    """The change will not be made."""
    await room.cancel_layout(view, change)


@router.get("/schemas/layout", operation_id="get_layout_schema")
async def get_layout_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a layout as it is put."""
    return layout_schema()


async def _change(room: RoomControl, command: SetLayout | MergeLayout, response: Response) -> Layout | Response:
    made = await room.change_layout(command)
    if isinstance(made, LayoutState):
        return _layout(made, response)
    place = f"/api/v1/rooms/{quote(room.room, safe='')}/views/{command.view}/layout/scheduled/{made.id}"
    return Response(
        made.model_dump_json(exclude_none=True),
        status_code=202,
        headers={"Location": place},
        media_type="application/json",
    )


def _layout(state: LayoutState, response: Response) -> Layout:
    response.headers["ETag"] = f'"{_bare(state.etag)}"'
    return state.layout


async def _expected(room: RoomControl, view: str, if_match: str | None) -> str | None:
    """The one etag the layout must have for ``If-Match`` (RFC 9110, section 13.1.1). Raises ``LayoutChanged`` where
    none of those named is the present one; weak ones never are.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    current = (await room.layout(view)).etag
    if f'"{_bare(current)}"' not in (tag.strip() for tag in if_match.split(",")):
        raise LayoutChanged("the layout has changed since; get it again", field="If-Match")
    return current


def _bare(etag: str) -> str:
    return etag.strip('"')

"""One view of a room: canvas, layout, what it wears, pictures of it."""

from typing import Any, Literal

import httpx
from pydantic import ValidationError

from client.admin.calls import Calls, below
from client.admin.errors import ServerFailed
from mcu.protocol.commands import TileHealthList
from mcu.protocol.decor import Banner, Corner, ViewDecor
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import TileMap, ViewChanges, ViewSpec
from mcu.protocol.versions import LayoutVersion, ScheduledLayout


class ViewAdmin:
    """Made by ``RoomAdmin.view``. Every request raises an AdminRefused, NotThere (``no_such_view``) among them, or
    ConnectionLost.
    """

    def __init__(self, calls: Calls, room: str, name: str) -> None:
        self.name = name
        self._calls = calls
        self._room = room

    async def spec(self) -> ViewSpec:
        return await self._calls.one(ViewSpec, "GET", self._path())

    async def update(self, changes: ViewChanges) -> ViewSpec:
        """Raises Clash while it is being recorded."""
        return await self._calls.one(ViewSpec, "PATCH", self._path(), json=changes.model_dump(mode="json"))

    async def delete(self) -> None:
        """Whoever watches it sees ``main`` from then on."""
        await self._calls.answer("DELETE", self._path())

    async def layout(self) -> LayoutState:
        return _state(await self._calls.answer("GET", self._path("layout")))

    async def set_layout(self, layout: Layout, if_match: str | None = None) -> LayoutState | ScheduledLayout:
        """Replaces it; with ``layout.at``, when that time comes. Raises Clash (``layout_changed``) where ``if_match``
        is not its version any more.
        """
        return await self._change("PUT", layout.model_dump(mode="json", exclude_unset=True), if_match)

    async def patch_layout(self, patch: dict[str, Any], if_match: str | None = None) -> LayoutState | ScheduledLayout:
        """Merges into it (RFC 7396): what isn't named stays, None takes away. Raises Clash as ``set_layout``."""
        return await self._change("PATCH", patch, if_match)

    async def undo_layout(self, if_match: str | None = None) -> LayoutState:
        """Raises Clash where there is nothing to undo."""
        return _state(await self._calls.answer("DELETE", self._path("layout"), headers=_headers(if_match)))

    async def layout_versions(self) -> tuple[LayoutVersion, ...]:
        """The newest comes first."""
        return await self._calls.many(LayoutVersion, self._path("layout", "history"), "versions")

    async def scheduled_layouts(self) -> tuple[ScheduledLayout, ...]:
        """The next one comes first."""
        return await self._calls.many(ScheduledLayout, self._path("layout", "scheduled"), "scheduled")

    async def cancel_layout(self, change: str) -> None:
        await self._calls.answer("DELETE", self._path("layout", "scheduled", change))

    async def preview(
        self, patch: dict[str, Any] | None = None, participants: int = 5, kind: Literal["svg", "png", "json"] = "svg"
    ) -> bytes:
        """What the layout would look like with ``patch`` merged into it and so many made-up people, as a file; nothing
        changes.
        """
        params: dict[str, str | int] = {"dry_run": kind, "participants": participants}
        if patch is None:
            return (await self._calls.answer("GET", self._path("layout"), params=params)).content
        return (await self._calls.answer("PATCH", self._path("layout"), json=patch, params=params)).content

    async def tiles(self) -> TileMap:
        """Where everybody stands on the canvas now."""
        return await self._calls.one(TileMap, "GET", self._path("tiles"))

    async def tile_health(self) -> TileHealthList:
        """Why each tile looks as it does."""
        return await self._calls.one(TileHealthList, "GET", self._path("tiles", "health"))

    async def snapshot(self, kind: Literal["jpg", "png"] = "jpg") -> bytes:
        """One picture of the composite, as a file."""
        return (await self._calls.answer("GET", self._path(f"snapshot.{kind}"))).content

    async def banner(self) -> Banner:
        return await self._calls.one(Banner, "GET", self._path("banner"))

    async def set_banner(self, banner: Banner) -> Banner:
        return await self._calls.one(Banner, "PUT", self._path("banner"), json=banner.model_dump(mode="json"))

    async def delete_banner(self) -> None:
        await self._calls.answer("DELETE", self._path("banner"))

    async def decor(self) -> ViewDecor:
        """Which images it wears."""
        return await self._calls.one(ViewDecor, "GET", self._path("decor"))

    async def set_background_image(self, image: bytes, content_type: str) -> ViewDecor:
        """A JPEG, PNG or WebP file behind everybody."""
        return await self._put_image("background-image", image, content_type)

    async def delete_background_image(self) -> None:
        await self._calls.answer("DELETE", self._path("background-image"))

    async def set_logo(
        self, image: bytes, content_type: str, corner: Corner = "top_right", width: float = 0.1
    ) -> ViewDecor:
        """A JPEG, PNG or WebP file in a corner; ``width`` is the part of the canvas's that it takes."""
        return await self._put_image("logo", image, content_type, corner=corner, width=width)

    async def delete_logo(self) -> None:
        await self._calls.answer("DELETE", self._path("logo"))

    async def _change(self, method: str, body: dict[str, Any], if_match: str | None) -> LayoutState | ScheduledLayout:
        answer = await self._calls.answer(method, self._path("layout"), json=body, headers=_headers(if_match))
        if answer.status_code == 202:
            return ScheduledLayout.model_validate_json(answer.content)
        return _state(answer)

    async def _put_image(self, what: str, image: bytes, content_type: str, **params: str | float) -> ViewDecor:
        headers = {"Content-Type": content_type}
        return await self._calls.one(ViewDecor, "PUT", self._path(what), content=image, headers=headers, params=params)

    def _path(self, *steps: str) -> str:
        return below("rooms", self._room, "views", self.name, *steps)


def _headers(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {"If-Match": f'"{if_match}"'}


def _state(answer: httpx.Response) -> LayoutState:
    try:
        layout = Layout.model_validate_json(answer.content)
    except ValidationError as error:
        reason = f"the layout is not understood: is the server newer? {error}"
        raise ServerFailed(answer.status_code, "not_understood", reason[:500]) from error
    return LayoutState(layout=layout, etag=answer.headers.get("etag", "").strip('"'))

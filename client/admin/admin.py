"""A server as its administrator sees it."""

from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from client.admin.calls import Calls, below
from client.admin.models import IceServer, IssuedToken, Readiness, RoomDefinition, TokenGrants
from client.admin.room import RoomAdmin
from mcu.protocol.load import Capacity
from mcu.protocol.models import RoomInfo

TIMEOUT_S = 60.0
IDLE_S = 2.0
"""So long a connection is kept for the next request. Servers end idle ones too, uvicorn after 5 s: a request that meets
such an end on its way would be lost.
"""


class Admin:
    """``async with Admin("http://localhost:8080", key) as admin:``, on one event loop.

    ``key`` is an admin key or a join token; none for a server without keys. Every request raises an AdminRefused
    (``client.admin.errors``) or ConnectionLost. ``http`` replaces the connection and stays its owner's to close.
    """

    def __init__(
        self, url: str, key: str | None = None, *, timeout_s: float = TIMEOUT_S, http: httpx.AsyncClient | None = None
    ) -> None:
        """Raises ValueError for what is no http address."""
        if httpx.URL(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is no address such as http://localhost:8080")
        self._own = http is None
        self._http = http or httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=timeout_s,
            limits=httpx.Limits(keepalive_expiry=IDLE_S),
            trust_env=False,
        )
        self._calls = Calls(self._http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Idempotent."""
        if self._own:
            await self._http.aclose()

    def room(self, name: str) -> RoomAdmin:
        """A room by its name, whether or not it is open; nothing is asked yet."""
        return RoomAdmin(self._calls, name)

    async def rooms(self) -> tuple[RoomInfo, ...]:
        """The open rooms that the key looks into."""
        return await self._calls.many(RoomInfo, below("rooms"), "rooms")

    async def open_room(self, name: str, **definition: Unpack[RoomDefinition]) -> RoomInfo:
        """Raises Clash (``room_exists``), Busy (``no_capacity``) or InvalidRequest."""
        body = {"name": name, **definition}
        if "view" in definition:
            body["view"] = definition["view"].model_dump(mode="json")
        return await self._calls.one(RoomInfo, "POST", below("rooms"), json=body)

    async def create_token(
        self,
        grants: TokenGrants,
        *,
        identity: str | None = None,
        name: str | None = None,
        attributes: dict[str, str] | None = None,
        ttl_s: int = 3600,
    ) -> IssuedToken:
        """A join token, signed by the server."""
        spec = {"grants": grants, "identity": identity, "name": name, "attributes": attributes or {}, "ttl_s": ttl_s}
        return await self._calls.one(IssuedToken, "POST", below("tokens"), json=spec)

    async def ice_servers(self) -> tuple[IceServer, ...]:
        """STUN and TURN servers, with credentials that end by themselves."""
        return await self._calls.many(IceServer, below("ice-servers"), "ice_servers")

    async def capacity(
        self, participants: int = 1, *, height: int | None = None, fps: int | None = None, joining: bool = False
    ) -> Capacity:
        """Whether so many more people would fit, and why: in a room of their own, or ``joining`` one that is open."""
        wanted = {"participants": participants, "height": height, "fps": fps, "joining": joining}
        params = {key: value for key, value in wanted.items() if value is not None}
        return await self._calls.one(Capacity, "GET", below("capacity"), params=params)

    async def health(self) -> None:
        """Comes back when the server's process answers; needs no key."""
        await self._calls.answer("GET", "/healthz")

    async def readiness(self) -> Readiness:
        """Whether people can join now, and if not, why; needs no key."""
        return await self._calls.one(Readiness, "GET", "/readyz", accepts=503)

    async def layout_schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of a layout as it is put; needs no key."""
        schema: dict[str, Any] = (await self._calls.answer("GET", below("schemas", "layout"))).json()
        return schema

    async def metrics(self) -> str:
        """Everything measured, in the Prometheus text format."""
        return (await self._calls.answer("GET", "/metrics")).text

"""The way into rooms: finds or opens them for somebody whose credential was checked. Shared by every adapter."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog
from pydantic import SecretStr

from api.auth import Authority, Principal
from api.capacity import RETRY_AFTER_S, Admission
from api.ice import IceServer, ice_servers
from api.previews import Previews
from api.promises import Newcomers
from api.session import (
    Archive,
    Knock,
    Refusal,
    RoomControl,
    Session,
    admitted,
    enter,
    follow,
    hashed,
    nothing_to_watch,
    observe,
    require_publishing,
)
from api.settings import Settings
from api.signaling.streams import Streams
from api.webhooks.webhooks import Webhooks
from mcu.bans import Bans
from mcu.engine.engine import Engine, RoomHandle
from mcu.errors import Conflict, Forbidden, NoCapacity, NotFound, Unprocessable
from mcu.protocol.models import RoomInfo, RoomSpec
from mcu.protocol.quality import TierChoice
from mcu.protocol.wire import JoinData
from mcu.store.interfaces import Transactions

log = structlog.get_logger()

JOIN_S: Final = 12.0
"""A join that has no answer by then is refused, and undone should the room carry it out after all: before clients,
whose patience is 15 s, conclude that nobody is there."""


class Gateway:
    """One per server. Used from the event loop only."""

    def __init__(
        self,
        settings: Settings,
        authority: Authority,
        engine: Engine,
        bans: Bans,
        webhooks: Webhooks,
        store: Transactions,
    ) -> None:
        self.settings = settings
        self.authority = authority
        self.engine = engine
        self.bans = bans
        self.webhooks = webhooks
        self._store = store
        self.previews = Previews()
        self.admission = Admission(settings, engine)
        self.streams = Streams(settings.limits.max_streams)

    async def rooms(self, principal: Principal) -> Sequence[RoomInfo]:
        """The open rooms that ``principal`` may look into."""
        return self.visible(principal, await self.engine.rooms())

    @staticmethod
    def visible(principal: Principal, rooms: Sequence[RoomInfo]) -> Sequence[RoomInfo]:
        """Those of ``rooms`` that ``principal`` may look into."""
        return [room for room in rooms if principal.may("watch", room.name)]

    async def open(self, principal: Principal, spec: RoomSpec, password: SecretStr | None = None) -> RoomInfo:
        """Opens a room. Raises ``Forbidden``, ``Conflict`` when it is open already, ``NoCapacity``."""
        principal.require("administer", spec.name)
        if password is not None:
            spec = spec.model_copy(update={"password_hash": await hashed(password)})
        if await self.engine.find(spec.name) is not None:
            raise Conflict(f"room {spec.name!r} is open already", code="room_exists", field="name")
        async with self.admission.admitted(Newcomers(room=spec.name)):
            handle = await self.engine.open(spec)
        log.info("room_opened", room=spec.name)
        return await RoomControl(handle, principal, self.bans).info()

    async def close(self, principal: Principal, name: str) -> None:
        """Closes a room. Raises ``Forbidden`` or ``NotFound``."""
        principal.require("administer", name)
        await self._find(name)
        await self.engine.close_room(name)
        log.info("room_closed", room=name)

    async def room(self, principal: Principal, name: str) -> RoomControl:
        """An open room. Raises ``NotFound``, or ``Forbidden`` for rooms that are none of the principal's business, or
        whose door keeps them out.
        """
        if principal.grants.room not in (None, name):
            raise Forbidden(f"this token is not for room {name!r}")
        room = RoomControl(await self._find(name), principal, self.bans)
        await room.check_standing()
        return room

    async def archive(self, principal: Principal, name: str) -> Archive:
        """The recordings of a room, open or closed. Raises ``Forbidden`` for those who may not have them."""
        principal.require("record", name)
        open_room = None if await self.engine.find(name) is None else await self.room(principal, name)
        return Archive(principal, self.bans, name, open_room, self._store)

    async def join(self, principal: Principal, asked: JoinData, source: str | None = None) -> Session | Knock:
        """``principal`` joins the room, which is opened for it where the settings allow that, or waits in its lobby.
        ``source`` is the address it comes from, where that is known.
        Raises ``Forbidden``, ``NotFound``, ``NoCapacity`` or what the room answers.
        """
        principal.require("join", asked.room)
        try:
            async with asyncio.timeout(JOIN_S):
                return await self._join(principal, asked, source)
        except TimeoutError:
            log.warning("join_timed_out", room=asked.room, waited_s=JOIN_S)
            raise NoCapacity(
                f"room {asked.room!r} is too busy to let anybody in: try again", retry_after_s=RETRY_AFTER_S
            ) from None

    async def _join(self, principal: Principal, asked: JoinData, source: str | None) -> Session | Knock:
        room, hidden = asked.room, principal.grants.hidden

        refusal = self._refusal(room, seen=not hidden)

        async def come_in() -> Session | Knock:
            handle = await self.engine.find(room)
            if handle is not None:
                return await self._enter(handle, principal, asked, source, refusal)
            self._check_opening(principal, room)
            async with AsyncExitStack() as promise:
                await promise.enter_async_context(self.admission.admitted(Newcomers(room=room)))
                handle = await self.engine.open(self.spec(room))
                return await self._enter(handle, principal, asked, source, lambda: _fulfilled(promise))

        try:
            return await come_in()
        except NotFound as gone:
            if gone.error_code != "no_such_room":
                raise
            # It closed for being empty in this very moment; the next one is open.
            return await come_in()

    async def _enter(
        self, handle: RoomHandle, principal: Principal, asked: JoinData, source: str | None, refusal: Refusal
    ) -> Session | Knock:
        return await enter(
            handle,
            principal,
            self.bans,
            asked,
            trusted=not self.authority.open,
            find=lambda: self.engine.find(asked.room),
            source=source,
            refusal=refusal,
        )

    @staticmethod
    def check_publishing(principal: Principal, room: str) -> None:
        """Before anything of theirs is read. Raises ``Forbidden``."""
        require_publishing(principal, room)

    @staticmethod
    def check_watching(principal: Principal, room: str) -> None:
        """Before anything of theirs is read. Raises ``Forbidden``."""
        principal.require("watch", room)

    @staticmethod
    def check_moderating(principal: Principal, room: str) -> None:
        """Whether they may change and end what somebody else began. Raises ``Forbidden``."""
        principal.require("moderate", room)

    async def publish(self, principal: Principal, asked: JoinData) -> Session:
        """``principal`` joins to be seen and heard, by a door behind which nobody can wait. Raises as ``join``."""
        require_publishing(principal, asked.room)
        return await admitted(await self.join(principal, asked))

    async def watch(self, principal: Principal, room: str, view: str, tier: TierChoice = "auto") -> Session:
        """``principal`` watches a view without being seen, at ``tier`` at most. Raises ``Forbidden``,
        ``NotFound``, ``NoCapacity``, or ``Conflict`` (``nothing_to_watch``) while nobody is there.
        """
        principal.require("watch", room)
        handle = await self.engine.find(room)
        if handle is None and self.settings.limits.rooms_on_join:
            raise nothing_to_watch()
        found = handle or await self._find(room)
        return await observe(found, principal, self.bans, view, tier, self._refusal(room, seen=False))

    async def follow(self, principal: Principal, room: str, participant: str) -> Session:
        """``principal`` watches one participant as they are sent. Raises ``Forbidden``, ``NotFound`` for somebody who
        isn't there, or ``NoCapacity``.
        """
        principal.require("watch", room)
        found = await self._find(room)
        return await follow(found, principal, self.bans, participant, self._refusal(room, seen=False))

    def _refusal(self, room: str, *, seen: bool) -> Refusal:
        """For one more in a room, who costs less where nobody sees them."""

        return lambda: self.admission.entry(Newcomers(room=room, joining=True, seen=seen))

    async def can_join(self, principal: Principal, room: str) -> None:
        """Raises what ``join`` would raise for want of permission or of a room."""
        principal.require("join", room)
        if not self._opens_rooms(principal, room):
            await self._find(room)

    def ice_servers(self, user: str) -> list[IceServer]:
        return ice_servers(self.settings.ice_servers, user)

    def spec(self, name: str, *, permanent: bool = False, field: str = "room") -> RoomSpec:
        """A room as the settings have it. Raises ``Unprocessable`` for a name that no URL could hold: once a proxy has
        decoded it, a slash in it can't be told from the end of a path segment.
        """
        if "/" in name or "\\" in name or name in (".", ".."):
            raise Unprocessable("a room's name has no slash and is neither . nor ..", field=field)
        limits = self.settings.limits
        return RoomSpec(
            name=name,
            capacity=limits.max_participants,
            view=self.settings.view,
            empty_ttl_s=limits.empty_room_ttl_s,
            permanent=permanent,
            max_speakers=limits.max_speakers,
        )

    def _opens_rooms(self, principal: Principal, room: str) -> bool:
        return self.settings.limits.rooms_on_join or principal.may("administer", room)

    async def _find(self, name: str) -> RoomHandle:
        handle = await self.engine.find(name)
        if handle is None:
            raise NotFound(f"there is no room {name!r}", code="no_such_room")
        return handle

    def _check_opening(self, principal: Principal, name: str) -> None:
        if not self._opens_rooms(principal, name):
            raise NotFound(f"there is no room {name!r}, and joining doesn't open one here", code="no_such_room")


@asynccontextmanager
async def _fulfilled(promise: AsyncExitStack) -> AsyncIterator[None]:
    """Nobody is refused who was promised a place; once they have it, it is held for them no more."""
    async with promise:
        yield

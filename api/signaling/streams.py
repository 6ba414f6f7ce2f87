"""WHIP and WHEP sessions: what the URLs stand for that these doors hand out.

A stream lives as long as its participant: it ends when it is deleted, when its connection dies (there is no socket to
offer another one over), when its participant is removed, and with its room.
"""

import asyncio
import hashlib
import hmac
import secrets
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

import structlog

from api.session import Session
from api.signaling.trickle import Fragment, IceCredentials
from mcu.errors import McuError, NoCapacity, NotFound, StaleIce, Unprocessable
from mcu.protocol.events import Event, ParticipantLeft, PeerFailed, StreamsChanged

log = structlog.get_logger()

StreamKind = Literal["whip", "whep"]
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """One WHIP or WHEP session. Who knows its id and sends the credential it was made with may change and end it."""

    kind: StreamKind
    session: Session
    ice: IceCredentials = field(repr=False)
    credential: bytes | None = field(repr=False)
    """A digest; None: it was made without one."""
    follows: str | None = None
    """The participant whose own stream it is, and with whom it ends."""
    id: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    etag: str = field(default_factory=lambda: f'"{secrets.token_hex(8)}"')
    """Names the ICE session, which is the only one: it is never restarted."""

    def made_with(self, credential: str | None) -> bool:
        presented = digest(credential)
        if self.credential is None or presented is None:
            return self.credential is presented
        return hmac.compare_digest(self.credential, presented)

    def ends_with(self, event: Event) -> bool:
        """Its connection is dead, or whom it is about has left, or sends in a codec that it can't carry: who asks again
        is told so. The events end by themselves with the session's stay.
        """
        match event:
            case PeerFailed():
                return event.connection == "main"
            case ParticipantLeft():
                return event.id == self.follows
            case StreamsChanged():
                return any(one.participant == self.follows and one.missing == "codec_mismatch" for one in event.streams)
            case _:
                return False

    async def trickle(self, fragment: Fragment, if_match: str | None) -> None:
        """Hands candidates to the connection. Raises ``StaleIce`` when they are meant for another ICE session,
        ``Unprocessable`` for a wish to restart ICE, after which the stream goes on as before, and ``BadRequest``.
        """
        restarts = fragment.credentials.restarts(self.ice)
        if not restarts and not _matches(if_match, self.etag):
            raise StaleIce("If-Match names another ICE session than this stream has")
        if restarts:
            raise Unprocessable("ICE can't be restarted here: start a new stream", code="ice_restart_unsupported")
        for candidate in fragment.candidates:
            await self.session.candidate(candidate, "main")


class Streams:
    """The running ones of a server, ``limit`` at most. Used from the event loop only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._streams: dict[str, Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._streams)

    def check_capacity(self) -> None:
        """Raises ``NoCapacity``."""
        if len(self._streams) >= self._limit:
            raise NoCapacity("too many streams: try again later", retry_after_s=RETRY_AFTER_S)

    def add(self, stream: Stream) -> None:
        """Keeps it until it ends."""
        self._streams[stream.id] = stream
        task = asyncio.create_task(self._run(stream), name=f"{stream.kind}-stream")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def get(self, kind: StreamKind, room: str, identifier: str) -> Stream:
        """Raises ``NotFound`` (``no_such_stream``)."""
        stream = self._streams.get(identifier)
        if stream is None or stream.kind != kind or stream.session.room != room:
            raise NotFound("there is no such stream: it may have ended", code="no_such_stream")
        return stream

    async def end(self, stream: Stream) -> None:
        """Its participant leaves. Idempotent."""
        self._streams.pop(stream.id, None)
        await leave(stream.session)

    async def close(self) -> None:
        """Stops following the streams; whoever closes the rooms ends them. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._streams.clear()

    async def _run(self, stream: Stream) -> None:
        """Until the connection or the participant's stay is over."""
        try:
            async with aclosing(stream.session.events()) as events:
                async for event in events:
                    if stream.ends_with(event):
                        break
        except Exception:  # the boundary of one stream: its fault is logged and ends nobody else
            log.exception("stream_failed", kind=stream.kind)
        await self.end(stream)
        log.info("stream_ended", kind=stream.kind, participant=stream.session.me.id)


async def leave(session: Session) -> None:
    """Says nothing of a room or participant that went first, so that it hides no other error."""
    try:
        await session.leave()
    except McuError as error:
        log.debug("leave_refused", code=error.error_code)  # the room or the participant went first


def digest(credential: str | None) -> bytes | None:
    return None if credential is None else hashlib.sha256(credential.encode("utf-8", "surrogatepass")).digest()


def _matches(if_match: str | None, etag: str) -> bool:
    """Lenient where clients are known to be careless: without the header, or without the quotation marks."""
    wanted = [one.strip() for one in if_match.split(",")] if if_match else ["*"]
    return any(one in ("*", etag, etag.strip('"')) for one in wanted)

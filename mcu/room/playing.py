"""Files that are played into a room: each a participant without a connection, whose pictures and sound are a film's."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from mcu.chores import Chores
from mcu.clock import NS_PER_S, Clock
from mcu.errors import Conflict, Internal, NotFound, Unprocessable
from mcu.media.film.file import FilmFacts
from mcu.media.film.film import Film
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.models import MediaState, Topology
from mcu.protocol.playback import (
    ListPlaybacks,
    PlaybackInfo,
    PlaybackList,
    PlaybackState,
    StartPlayback,
    StopPlayback,
    UpdatePlayback,
)
from mcu.room.attendance import Attendance
from mcu.room.events import Events
from mcu.room.groups import Groups
from mcu.room.participant import Participant

log = structlog.get_logger()

OPEN_S: Final = 10.0
SEEK_S: Final = 8.0
"""How long an answer waits for the picture at a new position; a keyframe may be far before it."""
CLOSE_S: Final = 2.0


@dataclass(slots=True)
class _Playing:
    info: PlaybackInfo
    film: Film
    participant: Participant
    duration_ns: int | None
    ended: PlaybackState = "ended"
    error: str | None = None

    @property
    def now(self) -> PlaybackInfo:
        """As it is now."""
        screening = self.film.screening
        position_ns = screening.position_ns
        if self.duration_ns is not None:
            position_ns = min(position_ns, self.duration_ns)
        changes = {
            "name": self.participant.name,
            "state": "paused" if screening.paused else "playing",
            "position_s": position_ns / NS_PER_S,
            "loop": screening.loop,
        }
        return self.info.model_copy(update=changes)


@dataclass(slots=True)
class Playbacks:
    """Carries out the commands on playbacks. On the event loop. ``most`` at a time; ``topology()`` is the
    room's of this moment; ``from_thread`` hands news of a film's thread over.
    """

    room: str
    most: int
    clock: Clock
    attendance: Attendance
    groups: Groups
    events: Events
    topology: Callable[[], Topology]
    from_thread: Callable[..., None]
    decoded: int = 0
    """Pictures of films that are over."""
    _playing: dict[str, _Playing] = field(default_factory=dict)
    _opening: set[Film] = field(default_factory=set)
    _chores: Chores = field(default_factory=lambda: Chores("playbacks"))
    _closed: bool = False

    @property
    def handlers(self) -> Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]]:
        return {
            StartPlayback: self._start,
            UpdatePlayback: self._update,
            StopPlayback: self._stop,
            ListPlaybacks: self._list,
        }

    @property
    def infos(self) -> tuple[PlaybackInfo, ...]:
        return tuple(playing.now for playing in self._playing.values())

    @property
    def pictures_decoded(self) -> int:
        return self.decoded + sum(playing.film.screening.decoded for playing in self._playing.values())

    def left(self, participant: Participant) -> None:
        """News from ``Attendance``: whoever went, for whatever reason."""
        playing = next((one for one in self._playing.values() if one.participant is participant), None)
        if playing is None:
            return
        told = playing.now.model_copy(update={"state": playing.ended, "error": playing.error})
        del self._playing[playing.info.id]
        self.decoded += playing.film.screening.decoded
        self._retire(playing.film)
        self.events.emit(e.PlaybackChanged(playback=told))
        log.info("playback_over", room=self.room, playback=told.id, state=told.state, position_s=told.position_s)

    async def close(self) -> None:
        """Ends the threads. Idempotent, bounded."""
        self._closed = True
        for film in self._opening:
            film.close()
        await self._chores.close(CLOSE_S + 1.0)

    # Commands

    async def _start(self, command: StartPlayback) -> PlaybackInfo:
        if self.topology() != "mcu":
            raise Conflict(
                "a room that forwards has no use for a file, only one that mixes: its topology is mcu", code="not_mixed"
            )
        if len(self._playing) + len(self._opening) >= self.most:
            raise Conflict(f"{self.most} files are played already: stop one first", code="too_many_playbacks")
        self.attendance.check_capacity()
        self.groups.claim(command.options.group)
        identifier = secrets.token_hex(6)
        options = command.options
        film = Film(
            Path(command.path),
            self.clock,
            label=identifier,
            on_end=lambda error: self.from_thread(self._over, identifier, error),
            temporary=command.temporary,
            loop=options.loop,
            paused=options.paused,
            start_ns=round(options.start_s * NS_PER_S),
        )
        self._opening.add(film)
        try:
            facts = await self._opened(film)
            return self._seat(identifier, film, facts, command)
        except BaseException:
            self._retire(film)
            raise
        finally:
            self._opening.discard(film)

    async def _opened(self, film: Film) -> FilmFacts:
        try:
            film.start()
        except RuntimeError as error:
            raise Internal(f"no thread for the film: {error}") from error
        try:
            facts = await asyncio.wait_for(asyncio.wrap_future(film.ready), OPEN_S)
        except TimeoutError:
            raise Unprocessable(f"nothing of the file could be decoded within {OPEN_S:g} s", field="body") from None
        if self._closed:
            raise NotFound("this room has been closed", code="no_such_room")
        return facts

    def _seat(self, identifier: str, film: Film, facts: FilmFacts, command: StartPlayback) -> PlaybackInfo:
        participant = self.attendance.seat(
            f"playback-{identifier}",
            command.name,
            command.options.group,
            film,
            MediaState(audio=facts.sound, video=facts.pictures),
        )
        duration_ns = facts.duration_ns
        info = PlaybackInfo(
            id=identifier,
            participant=participant.id,
            name=command.name,
            state="playing",
            position_s=command.options.start_s,
            duration_s=None if duration_ns is None else duration_ns / NS_PER_S,
            loop=command.options.loop,
            audio=facts.sound,
            video=facts.pictures,
            started_at=datetime.now(UTC),
        )
        playing = self._playing[identifier] = _Playing(info, film, participant, duration_ns)
        log.info("playback_started", room=self.room, playback=identifier, duration_s=info.duration_s)
        return self._told(playing)

    async def _update(self, command: UpdatePlayback) -> PlaybackInfo:
        playing, changes = self._find(command.id), command.changes
        position_s, screening = changes.position_s, playing.film.screening
        if position_s is not None and playing.duration_ns is not None and position_s * NS_PER_S > playing.duration_ns:
            raise Unprocessable(f"the file ends at {playing.duration_ns / NS_PER_S:.3f} s", field="position_s")
        if changes.loop is not None:
            screening.set_loop(changes.loop)
        if changes.paused:
            screening.pause()
        if position_s is not None:
            done = asyncio.wrap_future(playing.film.seek(round(position_s * NS_PER_S)))
            await asyncio.wait((done,), timeout=SEEK_S)
        if changes.paused is False:
            screening.resume()
        return self._told(self._find(command.id))

    async def _stop(self, command: StopPlayback) -> PlaybackInfo:
        playing = self._find(command.id)
        told = playing.now.model_copy(update={"state": "ended"})
        await self.attendance.remove(playing.participant, "left")
        return told

    async def _list(self, _: ListPlaybacks) -> PlaybackList:
        return PlaybackList(playbacks=self.infos)

    # What films tell

    def _over(self, identifier: str, error: str | None) -> None:
        playing = self._playing.get(identifier)
        if playing is not None:
            playing.ended, playing.error = "ended" if error is None else "failed", error
            self._chores.start(self.attendance.remove(playing.participant, "left"))

    def _find(self, identifier: str) -> _Playing:
        playing = self._playing.get(identifier)
        if playing is None:
            raise NotFound("no such playback is on: list them", code="no_such_playback")
        return playing

    def _told(self, playing: _Playing) -> PlaybackInfo:
        info = playing.now
        self.events.emit(e.PlaybackChanged(playback=info))
        return info

    def _retire(self, film: Film) -> None:
        film.close()
        self._chores.start(self._joined(film))

    async def _joined(self, film: Film) -> None:
        if not await asyncio.to_thread(film.join, CLOSE_S):
            log.error("film_did_not_end", room=self.room)

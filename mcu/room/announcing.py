"""What is played into a room over its people: announcements, and chimes for those who come and go."""

import asyncio
import functools
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import structlog
from numpy.typing import NDArray

from mcu.clock import NS_PER_MS, Clock
from mcu.errors import Conflict, NotFound
from mcu.media.sound_file import decode_sound
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.announcements import (
    MAX_ANNOUNCEMENTS,
    Announce,
    AnnouncementInfo,
    AnnouncementList,
    ListAnnouncements,
    StopAnnouncement,
)
from mcu.room.events import Events
from mcu.room.participant import Participant
from mixer.announcer import Announcement
from mixer.timeline import SOUND_HZ
from mixer.tones import chime, tone

log = structlog.get_logger()

CHIME_EVERY_MS = 1_000
CHIME_EVERY_MS_EACH = 250
"""Chimes are this far apart, and by so much more for each person in the room: a full hall doesn't ring all the time."""

_chime_of = functools.cache(chime)


@dataclass(slots=True)
class _Playing:
    announcement: Announcement
    info: AnnouncementInfo | None
    """None for a chime, which is nobody's announcement."""


class Announcing:
    """Carries out the commands on announcements. On the event loop. ``played`` says how many samples of each have been
    played, by its id; ``on_change`` is told when something begins or ends.
    """

    def __init__(
        self,
        clock: Clock,
        events: Events,
        *,
        chimes: bool,
        played: Callable[[], Mapping[str, int]],
        on_change: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._events = events
        self._chimes = chimes
        self._played = played
        self._on_change = on_change
        self._playing: dict[str, _Playing] = {}
        self._opening = 0
        self._present: dict[str, str] = {}
        self._chimed_ns: int | None = None
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            Announce: self._announce,
            StopAnnouncement: self._stop,
            ListAnnouncements: self._list,
        }

    @property
    def announcements(self) -> tuple[Announcement, ...]:
        """What the sound thread plays."""
        return tuple(playing.announcement for playing in self._playing.values())

    def attend(self, people: tuple[Participant, ...]) -> None:
        """Chimes for those who are heard and seen for the first time, and for those who are gone."""
        present = {one.id: one.group for one in people if one.ever_connected and not one.hidden}
        former, self._present = self._present, present
        came, gone = self._present.keys() - former.keys(), former.keys() - self._present.keys()
        for group in {self._present[one] for one in came}:
            self._chime("join", group)
        for group in {former[one] for one in gone}:
            self._chime("leave", group)

    def over(self, identifier: str) -> None:
        """News from the sound thread: it has been played to its end."""
        self._end(identifier, "finished")

    async def _announce(self, command: Announce) -> AnnouncementInfo:
        if self._opening + sum(one.info is not None for one in self._playing.values()) >= MAX_ANNOUNCEMENTS:
            raise Conflict(
                f"{MAX_ANNOUNCEMENTS} announcements play already: stop one first", code="too_many_announcements"
            )
        self._opening += 1
        try:
            pcm = await asyncio.to_thread(_samples, command)
        finally:
            self._opening -= 1
        skipped = min(pcm.size, round(command.start_s * SOUND_HZ))
        identifier = secrets.token_hex(6) if command.id is None or command.id in self._playing else command.id
        announcement = Announcement(identifier, pcm[skipped:], command.group, command.duck_db)
        info = AnnouncementInfo(
            id=announcement.id,
            state="playing",
            group=command.group,
            duck_db=command.duck_db,
            duration_s=pcm.size / SOUND_HZ,
            played_s=skipped / SOUND_HZ,
            started_at=datetime.now(UTC) - timedelta(seconds=skipped / SOUND_HZ),
        )
        self._playing[info.id] = _Playing(announcement, info)
        self._on_change()
        self._events.emit(e.AnnouncementChanged(announcement=info))
        log.info("announcement_started", announcement=info.id, duration_s=info.duration_s)
        return info

    async def _stop(self, command: StopAnnouncement) -> AnnouncementInfo:
        info = self._end(command.id, "stopped")
        if info is None:
            raise NotFound("no such announcement plays: list them", code="no_such_announcement")
        return info

    async def _list(self, _: ListAnnouncements) -> AnnouncementList:
        infos = (self._info(playing) for playing in self._playing.values())
        return AnnouncementList(announcements=tuple(info for info in infos if info is not None))

    def _end(self, identifier: str, state: Literal["finished", "stopped"]) -> AnnouncementInfo | None:
        playing = self._playing.get(identifier)
        if playing is None or (playing.info is None and state == "stopped"):
            return None
        info = self._info(playing)
        del self._playing[identifier]
        self._on_change()
        if info is None:
            return None
        ended = info.model_copy(update={"state": state})
        self._events.emit(e.AnnouncementChanged(announcement=ended))
        return ended

    def _info(self, playing: _Playing) -> AnnouncementInfo | None:
        if playing.info is None:
            return None
        played = self._played().get(playing.announcement.id, 0)
        seconds = min(playing.announcement.pcm.size, played) / SOUND_HZ
        return playing.info.model_copy(update={"played_s": playing.info.played_s + seconds})

    def _chime(self, kind: Literal["join", "leave"], group: str) -> None:
        apart_ns = (CHIME_EVERY_MS + CHIME_EVERY_MS_EACH * len(self._present)) * NS_PER_MS
        now_ns = self._clock.now_ns()
        if not self._chimes or (self._chimed_ns is not None and now_ns - self._chimed_ns < apart_ns):
            return
        self._chimed_ns = now_ns
        announcement = Announcement(f"chime-{secrets.token_hex(4)}", _chime_of(kind), group)
        self._playing[announcement.id] = _Playing(announcement, None)


def _samples(command: Announce) -> NDArray[np.int16]:
    if command.sound is not None:
        return decode_sound(command.sound)
    return tone(command.tone.hz, command.tone.duration_ms, command.tone.level_dbfs)

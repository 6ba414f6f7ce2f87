"""Who is in the room: they come, come back, change what they send, fall silent, and go."""

import secrets
from collections.abc import Callable
from typing import Literal

import structlog

from mcu.clock import Clock
from mcu.config import EngineConfig
from mcu.errors import Conflict, NotFound
from mcu.media.decode_pool import DecodePool
from mcu.media.film.film import Film
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.merge import patched_attributes
from mcu.protocol.models import Connection, MediaState, ParticipantInfo, Source
from mcu.room.connections import Connections
from mcu.room.events import Events
from mcu.room.participant import Participant, new_resume_token
from mixer.picture import Picture

log = structlog.get_logger()

Reason = Literal["left", "kicked", "lost", "replaced", "room_closed"]


class Attendance:
    """The room's participants, in the order they joined. Written on the event loop only.

    ``on_change()`` is called after every change that a picture or a sound may show, ``on_left`` after somebody went;
    ``on_keyframe_wanted`` may be called from decoder threads. Who is hidden takes no place, and nobody else hears of
    them.
    """

    def __init__(
        self,
        room: str,
        capacity: Callable[[], int],
        config: EngineConfig,
        clock: Clock,
        pool: DecodePool,
        connections: Connections,
        events: Events,
        *,
        on_change: Callable[[], None],
        on_left: Callable[[Participant, Reason], None],
        on_keyframe_wanted: Callable[[str, Source], None],
    ) -> None:
        self.empty_since_ns: int | None = clock.now_ns()
        self._room = room
        self._capacity = capacity
        self._config = config
        self._clock = clock
        self._pool = pool
        self._connections = connections
        self._events = events
        self._on_change = on_change
        self._on_left = on_left
        self._on_keyframe_wanted = on_keyframe_wanted
        self._people: dict[str, Participant] = {}
        self._replaced: list[str] = []
        """Whose place is kept while what they held before is given back."""

    @property
    def people(self) -> tuple[Participant, ...]:
        return tuple(self._people.values())

    @property
    def visible(self) -> tuple[Participant, ...]:
        return tuple(participant for participant in self._people.values() if not participant.hidden)

    @property
    def persons(self) -> tuple[Participant, ...]:
        """Those of the visible who are no files."""
        return tuple(participant for participant in self.visible if participant.film is None)

    @property
    def infos(self) -> tuple[ParticipantInfo, ...]:
        return tuple(participant.info for participant in self.visible)

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._people

    def participant(self, identifier: str) -> Participant:
        """Raises NotFound."""
        participant = self._people.get(identifier)
        if participant is None:
            raise NotFound("nobody here has this id: list the participants to see them", code="no_such_participant")
        return participant

    def knows(self, command: c.Join) -> bool:
        """Whether a join is of somebody who is here: they go on, or are replaced by themselves."""
        return command.identity in self._people or self._holder(command) is not None

    def check_capacity(self) -> None:
        """Raises Conflict when nobody more fits."""
        capacity = self._capacity()
        if len({person.id for person in self.visible} | {*self._replaced}) >= capacity:
            raise Conflict(f"the room holds {capacity} people and is full: try again later", code="room_full")

    async def join(self, command: c.Join, identifier: str | None = None) -> tuple[Participant, bool]:
        """The participant, and whether they were here before. Who has no identity gets the id ``identifier``, or one
        that is made up. Raises Conflict (``room_full``).
        """
        resumed = self._resume(command)
        participant = resumed or await self._admit(command, identifier)
        self._on_change()
        info = participant.info
        self._tell(
            participant, e.ParticipantUpdated(participant=info) if resumed else e.ParticipantJoined(participant=info)
        )
        log.info("participant_joined", room=self._room, participant=participant.id, resumed=resumed is not None)
        return participant, resumed is not None

    def seat(self, identifier: str, name: str, group: str, film: Film, media: MediaState) -> Participant:
        """A file takes a place like a person, but keeps no room open. Raises Conflict (``room_full``)."""
        self.check_capacity()
        participant = Participant(
            id=identifier,
            name=name,
            role="participant",
            group=group,
            media=media,
            film=film,
            ever_connected=True,
            pool=self._pool,
            on_keyframe_wanted=self._on_keyframe_wanted,
        )
        self._people[participant.id] = participant
        self._on_change()
        self._tell(participant, e.ParticipantJoined(participant=participant.info))
        log.info("participant_joined", room=self._room, participant=participant.id, resumed=False)
        return participant

    def _holder(self, command: c.Join) -> Participant | None:
        """Who comes back with their resume token. To somebody whose credential names another it is worth nothing."""
        token = command.resume_token
        for participant in self.people:
            if token is not None and secrets.compare_digest(participant.resume_token.encode(), token.encode()):
                return participant if command.identity in (None, participant.id) else None
        return None

    def _resume(self, command: c.Join) -> Participant | None:
        participant = self._holder(command)
        if participant is not None:
            if participant.attached:
                self._events.emit(e.Kicked(to=participant.id, reason="replaced"))
            participant.resume_token = new_resume_token()
            participant.attached = True
            if "main" in participant.links or not participant.ever_connected:
                participant.missing_since_ns = None
        return participant

    async def _admit(self, command: c.Join, identifier: str | None) -> Participant:
        known = command.identity or command.former
        old = self._people.get(known) if known else None
        if not command.hidden and (old is None or old.hidden) and known not in self._replaced:
            self.check_capacity()
        if known is not None and not command.hidden:
            self._replaced.append(known)
        try:
            while known is not None and (old := self._people.get(known)) is not None:
                # While one is removed another of the same identity may come.
                self._events.emit(e.Kicked(to=old.id, reason="replaced"))
                await self.remove(old, "replaced")
        finally:
            if known is not None and not command.hidden:
                self._replaced.remove(known)
        participant = Participant(
            id=known or identifier or secrets.token_hex(6),
            name=command.name,
            role=command.role,
            group=command.group,
            attributes=command.attributes,
            identified=command.identity is not None,
            hidden=command.hidden,
            follows=command.follows if command.hidden else None,
            pool=self._pool,
            on_keyframe_wanted=self._on_keyframe_wanted,
        )
        self._people[participant.id] = participant
        if not participant.hidden:
            self.empty_since_ns = None
        return participant

    async def set_media_state(self, command: c.SetMediaState) -> ParticipantInfo:
        """Raises NotFound."""
        participant = self.participant(command.participant)
        participant.set_media(audio=command.audio, video=command.video, screen=command.screen)
        if command.screen is False:
            await self._connections.drop(participant, "screen")
        return self._updated(participant)

    def set_hand(self, command: c.SetHand) -> ParticipantInfo:
        """Raises NotFound."""
        participant = self.participant(command.participant)
        participant.hand = command.raised
        return self._updated(participant)

    def set_avatar(self, identifier: str, avatar: Picture | None) -> ParticipantInfo:
        """What stands in for their camera when it is off; None: initials. Raises NotFound."""
        participant = self.participant(identifier)
        participant.avatar = avatar
        return self._updated(participant)

    def update(self, command: c.UpdateParticipant) -> ParticipantInfo:
        """What a moderator decides. Raises NotFound, Conflict, or Unprocessable for too many attributes."""
        participant = self.participant(command.participant)
        if participant.film is not None and command.role is not None:
            raise Conflict("a file that is played has no role to change", field="role")
        participant.attributes = patched_attributes(participant.attributes, command.attributes)
        if command.name is not None:
            participant.name = command.name
        if command.server_muted_audio is not None:
            participant.server_muted_audio = command.server_muted_audio
        if command.server_muted_video is not None:
            participant.server_muted_video = command.server_muted_video
        if command.gain is not None:
            participant.gain = command.gain
        if command.role is not None:
            participant.role = command.role
        if command.group is not None:
            participant.group = command.group
        return self._updated(participant)

    def watches(self, participant: Participant, view: str) -> ParticipantInfo:
        """Another view is theirs from now on."""
        participant.view = view
        return self._updated(participant)

    async def leave(self, command: c.Leave) -> None:
        """Raises NotFound."""
        participant = self.participant(command.participant)
        if command.kicked is not None:
            self._events.emit(e.Kicked(to=participant.id, reason=command.kicked))
        await self.remove(participant, "left" if command.kicked is None else "kicked")

    def detach(self, command: c.Detach) -> None:
        """Their socket is gone. What an older socket says of them counts no more."""
        participant = self._people.get(command.participant)
        if participant is not None and secrets.compare_digest(
            participant.resume_token.encode(), command.resume_token.encode()
        ):
            participant.attached = False
            participant.missing_since_ns = self._clock.now_ns()
            self._updated(participant)

    def connection_changed(self, participant: Participant, connection: Connection, alive: bool, reason: str) -> None:
        """News from ``Connections``."""
        if connection == "screen":
            participant.set_media(screen=alive)
        elif connection == "main" and alive:
            participant.ever_connected = True
            if participant.attached:
                participant.missing_since_ns = None
        elif connection == "main" and participant.missing_since_ns is None:
            participant.missing_since_ns = self._clock.now_ns()
        if not alive:
            message = f"the {connection} connection ended ({reason}): send a new offer"
            self._events.emit(e.PeerFailed(to=participant.id, connection=connection, message=message))
        self._updated(participant)

    async def sweep(self, now_ns: int) -> None:
        """Gives up connections that went silent, and participants that did not come back in time."""
        for participant in self.people:
            for link in list(participant.links.values()):
                heard_ns = link.peer.last_packet_ns
                if link.connected and heard_ns is not None and now_ns - heard_ns > self._config.lost_after_ns:
                    log.info("connection_silent", room=self._room, participant=participant.id)
                    await self._connections.drop(participant, link.connection)
                    self.connection_changed(participant, link.connection, False, "no packets")
            missing_ns = participant.missing_since_ns
            if missing_ns is not None and now_ns - missing_ns > self._config.grace_ns:
                self._events.emit(e.Kicked(to=participant.id, reason="lost"))
                await self.remove(participant, "lost")

    async def remove(self, participant: Participant, reason: Reason) -> None:
        """Frees everything they hold. Removing somebody twice does nothing."""
        if self._people.get(participant.id) is not participant:
            return
        del self._people[participant.id]
        if not self.persons and self.empty_since_ns is None:
            self.empty_since_ns = self._clock.now_ns()
        self._on_change()
        self._tell(participant, e.ParticipantLeft(id=participant.id, reason=reason))
        log.info("participant_left", room=self._room, participant=participant.id, reason=reason)
        self._on_left(participant, reason)
        await self._connections.drop_all(participant)
        await participant.close()

    def promote(self, participant: Participant) -> None:
        """They moderate from now on."""
        if not participant.moderates:
            participant.role = "moderator"
            self._updated(participant)

    def _updated(self, participant: Participant) -> ParticipantInfo:
        self._on_change()
        info = participant.info
        self._tell(participant, e.ParticipantUpdated(participant=info))
        return info

    def _tell(self, participant: Participant, event: e.Event) -> None:
        """To everybody, or to nobody but themselves when they are hidden."""
        self._events.emit(event.model_copy(update={"to": participant.id}) if participant.hidden else event)

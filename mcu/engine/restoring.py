"""Opening a room again as it was before its worker died, and taking its people in again as they were, as far as the
gateway knows.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime

import structlog

from mcu.engine.engine import RoomHandle
from mcu.engine.memory import Memory, Stay
from mcu.errors import McuError
from mcu.protocol.access import RestoreLobby
from mcu.protocol.commands import (
    Command,
    CreateView,
    Joined,
    Reply,
    RestoreLayout,
    SetBanner,
    SetHand,
    StartRecording,
    UpdateParticipant,
    WatchView,
)
from mcu.protocol.groups import SetGroup
from mcu.protocol.models import ParticipantInfo
from mcu.protocol.quality import SetQuality
from mcu.protocol.talk import ChatMessage, RestoreChat, SetReady
from mcu.protocol.versions import LayoutVersion

log = structlog.get_logger()


async def restore(room: RoomHandle, was: Memory, lost_at: datetime) -> None:
    """Views and what they wear first, then a second part of every recording that ran, of a paused one one that is
    paused, and the outputs under the ids they had. What the room refuses is left out and logged: a room with less is
    better than none.
    """
    await _carry_out(room, _commands(was, lost_at))


async def restore_the_rest(room: RoomHandle, was: Memory, lost_at: datetime) -> None:
    """What takes the worker some time to decode, and need not be there when the first people are back: images, and of
    announcements what had not been heard when the worker was lost.
    """
    rests = (playing.rest(lost_at) for playing in was.playing.values())
    await _carry_out(room, (*was.images.values(), *(rest for rest in rests if rest is not None)))


async def settle(
    ask: Callable[[Command], Awaitable[Reply]], joined: Joined, was: Stay, letters: tuple[ChatMessage, ...] = ()
) -> Joined:
    """Somebody is back: what was decided about them holds on, before anything of theirs is seen or heard. Their own
    name, role, group and attributes are those they had last, whatever they said at the door. ``letters``: said to them
    in private, which they may not have got.
    """
    for command in _changes(joined.participant, was, letters):
        try:
            answer = await ask(command)
        except McuError as error:
            log.warning("participant_not_as_before", participant=was.info.id, command=command.type, error=error.message)
        else:
            if isinstance(answer, ParticipantInfo):
                joined = joined.model_copy(update={"participant": answer})
    return joined


async def _carry_out(room: RoomHandle, commands: "Iterator[Command] | tuple[Command, ...]") -> None:
    for command in commands:
        try:
            await room.call(command)
        except McuError as error:
            log.warning("room_not_as_it_was", room=room.name, command=command.type, error=error.message)


def _commands(was: Memory, lost_at: datetime) -> Iterator[Command]:
    if was.waiters:
        yield RestoreLobby(waiters=tuple(was.waiters.values()))
    for view in was.views:
        if view.name != "main":
            yield CreateView(spec=view)
    for name, last in was.layouts.items():
        # Who was pinned isn't back yet: a layout that is set anew may not pin them, one that is put back may.
        version = LayoutVersion(
            etag=last.state.etag, layout=last.state.layout, changed_at=lost_at, by=last.by, scheduled=last.scheduled
        )
        yield RestoreLayout(view=name, versions=(version,))
    for name, banner in was.banners.items():
        yield SetBanner(view=name, banner=banner)
    for group, spec in was.groups.items():
        yield SetGroup(group=group, spec=spec)
    if was.chat:
        yield RestoreChat(messages=tuple(was.chat.values()))
    paused = {recording.view: recording.state == "paused" for recording in was.recordings.values()}
    for name in sorted(paused):
        yield StartRecording(view=name, paused=paused[name])
    yield from was.outputs.values()


def _changes(now: ParticipantInfo, was: Stay, letters: tuple[ChatMessage, ...]) -> Iterator[Command]:
    then = was.info
    gone = {key: None for key in now.attributes if key not in then.attributes}
    changed = {key: value for key, value in then.attributes.items() if now.attributes.get(key) != value}
    update = UpdateParticipant(
        participant=now.id,
        name=then.name if then.name != now.name else None,
        server_muted_audio=then.server_muted_audio or None,
        server_muted_video=then.server_muted_video or None,
        gain=was.gain if was.gain != 1.0 else None,
        role=then.role if then.role != now.role else None,
        group=then.group if then.group != now.group else None,
        attributes={**gone, **changed},
    )
    if update != UpdateParticipant(participant=now.id):
        yield update
    if then.hand:
        yield SetHand(participant=now.id, raised=True)
    if was.view is not None:
        yield WatchView(participant=now.id, view=was.view)
    if was.choice != "auto":
        yield SetQuality(participant=now.id, choice=was.choice)
    if was.ready:
        yield SetReady(participant=now.id, ready=True)
    if letters:
        yield RestoreChat(participant=now.id, messages=letters)

"""What a room passes on and keeps nothing of, and who says that they are ready."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol import talk as t
from mcu.room.attendance import Attendance
from mcu.room.chat import addressed, speaker
from mcu.room.events import Events
from mcu.room.pace import Pace
from mcu.room.participant import Participant


class Relay:
    """Carries out the commands on programs' messages, reactions and readiness. On the event loop."""

    def __init__(self, attendance: Attendance, events: Events, pace: Pace) -> None:
        self._attendance = attendance
        self._events = events
        self._pace = pace
        self._ready: dict[str, Participant] = {}
        """The person, not the name: somebody who left and came back is not ready."""
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            t.SendApp: self._app,
            t.React: self._react,
            t.SetReady: self._set_ready,
            t.ClearReady: self._clear_ready,
            t.GetReady: self._get_ready,
        }

    async def _app(self, command: t.SendApp) -> t.Delivered:
        sender = speaker(self._attendance, command.sender)
        readers = [person for person in self._attendance.persons if person is not sender]
        if command.to is not None:
            readers = addressed(readers, command.to)
        self._pace.take(command.sender)
        message = e.AppMessage(sender=command.sender, topic=command.topic, payload=command.payload)
        if command.to is None:
            self._events.emit(message)
        else:
            for reader in readers:
                self._events.emit(message.model_copy(update={"to": reader.id}))
        return t.Delivered(delivered=sum(reader.attached for reader in readers))

    async def _react(self, command: t.React) -> c.Done:
        speaker(self._attendance, command.sender)
        self._pace.take(command.sender)
        self._events.emit(e.Reacted(sender=command.sender, reaction=command.reaction))
        return c.Done()

    async def _set_ready(self, command: t.SetReady) -> t.ReadySet:
        person = self._attendance.participant(command.participant)
        speaker(self._attendance, person.id)
        self._pace.take(person.id)
        if command.ready:
            self._ready[person.id] = person
        else:
            self._ready.pop(person.id, None)
        return self._changed()

    async def _clear_ready(self, _: t.ClearReady) -> t.ReadySet:
        self._ready.clear()
        return self._changed()

    async def _get_ready(self, _: t.GetReady) -> t.ReadySet:
        return self._standing()

    def _changed(self) -> t.ReadySet:
        standing = self._standing()
        self._events.emit(e.ReadyChanged(ready=standing.ready, waiting=standing.waiting))
        return standing

    def _standing(self) -> t.ReadySet:
        here = self._attendance.persons
        self._ready = {person.id: person for person in here if self._ready.get(person.id) is person}
        return t.ReadySet(
            ready=tuple(self._ready), waiting=tuple(person.id for person in here if person.id not in self._ready)
        )

"""The desks of a room: those who carry out its commands, each on a part of it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcu.clock import Clock
from mcu.protocol import commands as c
from mcu.protocol.models import RoomInfo, RoomSpec
from mcu.room.announcing import Announcing
from mcu.room.arranging import Arranging
from mcu.room.attendance import Attendance, Reason
from mcu.room.broadcasts import Broadcasts
from mcu.room.channels import Channels
from mcu.room.chat import Chat
from mcu.room.connections import Connections
from mcu.room.decor import Decorating
from mcu.room.desk import Desk
from mcu.room.events import Events
from mcu.room.groups import Groups
from mcu.room.media import RoomMedia
from mcu.room.pace import Pace
from mcu.room.participant import Participant
from mcu.room.playing import Playbacks
from mcu.room.qualities import Qualities
from mcu.room.reception import Reception
from mcu.room.recordings import Recordings
from mcu.room.relay import Relay
from mcu.room.uplinks import Uplinks
from mcu.room.viewing import Viewing
from mcu.rtc import OutgoingIdentity


class Desks:
    """Made and closed by the room, on its event loop. ``on_change()`` shows the threads the room as it is now,
    ``on_views_changed()`` that other views are there; ``from_thread(callback, …)`` runs something on the loop.
    """

    def __init__(
        self,
        spec: RoomSpec,
        identity: OutgoingIdentity,
        clock: Clock,
        media: RoomMedia,
        attendance: Attendance,
        connections: Connections,
        recordings: Recordings,
        broadcasts: Broadcasts,
        qualities: Qualities,
        uplinks: Uplinks,
        events: Events,
        *,
        info: Callable[[], RoomInfo],
        max_playbacks: int,
        on_change: Callable[[], None],
        on_views_changed: Callable[[], None],
        from_thread: Callable[..., None],
    ) -> None:
        room, views, pace = spec.name, media.views, Pace(attendance, clock)
        self.announcing = Announcing(
            clock, events, chimes=spec.chimes, played=lambda: media.sounds.announced, on_change=on_change
        )
        self.groups = Groups(identity, attendance, views, events, on_change=on_change)
        self.viewing = Viewing(
            room,
            clock,
            views,
            attendance,
            connections,
            recordings,
            broadcasts,
            self.groups,
            events,
            on_change=on_views_changed,
        )
        self.reception = Reception(
            spec, attendance, views, self.groups, events, clock, info=info, follow_groups=self.viewing.follow_groups
        )
        self.playbacks = Playbacks(
            spec.name,
            max_playbacks,
            clock,
            attendance,
            self.groups,
            events,
            topology=lambda: self.reception.spec.topology,
            from_thread=from_thread,
        )
        self.arranging = Arranging(clock, views, attendance, events, on_change=on_change, from_thread=from_thread)
        self.channels = Channels(attendance, events)
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            **Desk(attendance, connections, views, recordings, uplinks, info).handlers,
            **broadcasts.handlers,
            **qualities.handlers,
            **self.viewing.handlers,
            **self.groups.handlers,
            **self.announcing.handlers,
            **self.playbacks.handlers,
            **Decorating(views, attendance, events, on_change=on_change).handlers,
            **Chat(attendance, events, clock, pace, self.groups.members_beside).handlers,
            **Relay(attendance, events, pace).handlers,
            **self.channels.handlers,
            **self.reception.handlers,
            **self.arranging.handlers,
        }

    def left(self, participant: Participant, reason: Reason) -> None:
        """News from ``Attendance``."""
        self.playbacks.left(participant)
        self.reception.left(participant, reason)

    async def close(self) -> None:
        """Ends what they have going. Idempotent."""
        await self.playbacks.close()
        await self.viewing.close()

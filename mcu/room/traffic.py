"""What is sent to whom, and in which quality."""

from mcu.chores import Chores
from mcu.clock import Clock
from mcu.room.attendance import Attendance
from mcu.room.connections import Connections
from mcu.room.events import Events
from mcu.room.forwards import Forwarding
from mcu.room.governor import RoomGovernor
from mcu.room.media import RoomMedia
from mcu.room.passthrough import Passthrough
from mcu.room.qualities import Qualities
from mcu.room.streams import Streams
from mcu.room.uplinks import Uplinks


class Traffic:
    """Made and closed by the room, on its event loop. ``governed``: less is sent where the machine can't keep up."""

    def __init__(
        self,
        room: str,
        clock: Clock,
        media: RoomMedia,
        attendance: Attendance,
        connections: Connections,
        forwarding: Forwarding,
        streams: Streams,
        events: Events,
        *,
        governed: bool,
    ) -> None:
        views = media.views
        self.qualities = Qualities(clock, views, attendance, connections, events)
        self.governor = RoomGovernor(room, clock, views, media.pictures, self.qualities, events)
        self.uplinks = Uplinks(clock, views, attendance, events, forwarding)
        self._chores = Chores("room")
        self.passthrough = Passthrough(room, clock, views, attendance, forwarding, self._chores)
        self._clock = clock
        self._pictures = media.pictures
        self._forwarding = forwarding
        self._streams = streams
        self._governed = governed

    def look(self) -> None:
        """Who is forwarded to whom: after every change of the room."""
        self._forwarding.look(self._clock.now_ns())
        self.passthrough.look()
        self._streams.look()
        self._pictures.forwarded = self._forwarding.seen

    def look_after(self, late_ns: int) -> None:
        """A few times a second; ``late_ns``: how late the event loop was for it."""
        self.uplinks.look()
        self.look()
        if self._governed:
            self.governor.look(late_ns)
        self.qualities.look()

    async def close(self) -> None:
        """After the connections: ends what it has going, and the thread that forwards. Idempotent."""
        await self._chores.close()
        await self._forwarding.close()

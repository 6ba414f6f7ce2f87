"""The picture thread of a room: whenever a view is due, the pictures of that instant once, for each due view."""

from collections.abc import Callable

from mcu.clock import NS_PER_S, Clock
from mcu.room.composite import Composite
from mcu.room.deadlines import Metronome, TickStatistics
from mcu.room.parking import Parking
from mcu.room.selection import Selection
from mcu.room.snapshot import RoomSnapshot, SpeechState
from mixer.scaled import ScaledPictures
from mixer.scene import TileKey


class RoomPictures:
    """Ticks whenever a composite is due. All count from the same start, so that views at 30 and 15 pictures a second
    share every second tick, and share its pictures; all draw from ``scaled``, which is the thread's own.

    The event loop sets ``snapshot_of_room`` and ``composites`` (whole, never in place; one at least before the start);
    the sound thread's state is read through ``speech``. ``tick`` is public so that tests can play media time.
    """

    def __init__(
        self, room: str, clock: Clock, *, stale_after_ns: int, park_after_ns: int, speech: Callable[[], SpeechState]
    ) -> None:
        self.snapshot_of_room = RoomSnapshot()
        self.composites: tuple[Composite, ...] = ()
        self.forwarded: frozenset[TileKey] = frozenset()
        """Sources that somebody sees as they were sent. Set by the event loop, whole."""
        self.scaled = ScaledPictures()
        self._speech = speech
        self._selection = Selection(clock, stale_after_ns)
        self._parking = Parking(park_after_ns)
        self._played_ns = 0
        self._metronome = Metronome(
            f"picture-{room}"[:15],
            clock,
            tick_ns=lambda time_ns: time_ns,
            tick_at=self._newest,
            tick=self.tick,
            stopped=self._stopped,
            after=self._after,
        )

    def start(self) -> None:
        self._metronome.start()

    def close(self) -> None:
        self._metronome.close()

    def join(self, timeout_s: float) -> bool:
        return self._metronome.join(timeout_s)

    def free(self) -> None:
        """Lets go of every picture. When the thread has ended. Idempotent."""
        for composite in self.composites:
            composite.free()
        self.scaled.clear()
        self._selection.clear()
        self.snapshot_of_room = RoomSnapshot()

    @property
    def statistics(self) -> TickStatistics:
        return self._metronome.statistics

    def tick(self, time_ns: int) -> None:
        """Plays every view that became due after the last tick, at the latest at ``time_ns``."""
        composites, snapshot = self.composites, self.snapshot_of_room
        if not composites:
            return
        # A picture that is due within half an interval is nearer to this tick than to the next.
        horizon_ns = time_ns + NS_PER_S // max(composite.timeline.fps for composite in composites) // 2
        moment = self._selection.at(snapshot, self._speech(), horizon_ns, self.forwarded)
        played_ns, self._played_ns = self._played_ns, time_ns
        for composite in composites:
            timeline = composite.timeline
            due_ns = timeline.canvas_tick_ns(timeline.canvas_tick_at(time_ns))
            if due_ns > played_ns:
                composite.tick(due_ns, moment)
        seen = [composite.seen for composite in composites if composite.needs_pictures]
        self._parking.look(snapshot.pictures, seen, moment.now_ns)

    def _newest(self, now_ns: int) -> int:
        return max(c.timeline.canvas_tick_ns(c.timeline.canvas_tick_at(now_ns)) for c in self.composites)

    def _after(self, time_ns: int) -> int:
        return min(c.timeline.canvas_tick_ns(c.timeline.canvas_tick_at(time_ns) + 1) for c in self.composites)

    def _stopped(self) -> None:
        for composite in self.composites:
            composite.close()

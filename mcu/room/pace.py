"""How fast people may speak: what one says is sent to everybody, so a flood of one would be a flood to all."""

from mcu.clock import Clock
from mcu.errors import TooMany
from mcu.flood import Bucket
from mcu.room.attendance import Attendance

RATE_PER_S = 10.0
BURST = 30
"""Of one participant: room enough for a pointer that is shared ten times a second."""

ROOM_RATE_PER_S = 200.0
ROOM_BURST = 400


class Pace:
    """One token bucket for each participant, one for the room. On the event loop."""

    def __init__(self, attendance: Attendance, clock: Clock) -> None:
        self._attendance = attendance
        self._clock = clock
        self._room = Bucket(ROOM_RATE_PER_S, ROOM_BURST, clock)
        self._buckets: dict[str, Bucket] = {}

    def take(self, sender: str | None) -> None:
        """``sender`` None: the server, which is bound by the room's pace alone. Raises TooMany."""
        if sender is not None:
            if sender not in self._buckets:
                self._buckets = {who: bucket for who, bucket in self._buckets.items() if who in self._attendance}
                self._buckets[sender] = Bucket(RATE_PER_S, BURST, self._clock)
            if not self._buckets[sender].take():
                raise TooMany("you say too much at once: wait a moment", retry_after_s=1)
        if not self._room.take():
            raise TooMany("too much is being said in this room at once: wait a moment", retry_after_s=1)

"""Where a film stands in room time, and what of it is at hand.

A film has a time of its own, which begins with 0 at each seek, stands still while it is paused and goes on when the
file begins anew. ``zero_ns`` is the room time at which it was 0. Pictures and samples are placed in that time as they
are decoded, by the file's own timestamps, and looked up by the room time of a tick: so picture and sound can't drift
apart, however late a thread wakes, and a second round begins exactly where the first one ends.
"""

import threading
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mcu.clock import NS_PER_MS, NS_PER_S, Clock
from mcu.frames import SAMPLES_PER_TICK
from mcu.media.decoding import DecodedPicture
from mcu.media.film.strip import SOUND_AHEAD, Samples, Shot, ShotStrip, SoundStrip
from mixer.picture import Picture
from mixer.timeline import SOUND_HZ

TAIL_NS: Final = 60 * NS_PER_MS
"""So long after a stop its fading end may still be played."""

KEPT_NS: Final = 300 * NS_PER_MS
"""What is over by so much is not asked for any more, however late a tick is."""

_RISING: Final = np.linspace(0.0, 1.0, SAMPLES_PER_TICK)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Once through the file, from ``from_ns`` of it: at ``start_ns`` of the film's time."""

    start_ns: int
    from_ns: int = 0

    def time_ns(self, position_ns: int) -> int:
        return self.start_ns + position_ns - self.from_ns

    def sample(self, number: int) -> int:
        """The number in the film of a sample of the file."""
        return samples(self.start_ns) + number - samples(self.from_ns)


def samples(time_ns: int) -> int:
    return time_ns * SOUND_HZ // NS_PER_S


class Screening:
    """Any thread. ``changed`` is its lock, notified when its film's thread may have something to do; nothing is decoded
    while it is held.
    """

    def __init__(self, clock: Clock, *, loop: bool, paused: bool) -> None:
        self.changed = threading.Condition()
        self.parked = False
        self.decoded = 0
        self._clock = clock
        self._loop = loop
        self._paused = paused
        self._ready = False
        self._zero_ns: int | None = None
        self._held_ns = 0
        self._parts = [Part(0)]
        self._end_ns: int | None = None
        self._shots = ShotStrip()
        self._standing: DecodedPicture | None = None
        self._sound = SoundStrip()
        self._tail: tuple[int, Samples] | None = None
        self._rising = False

    # Asked by whoever governs the film

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def loop(self) -> bool:
        return self._loop

    @property
    def position_ns(self) -> int:
        """In the file, now."""
        with self.changed:
            return self._position_ns()

    def pause(self) -> None:
        with self.changed:
            self._paused = True
            self._stop()

    def resume(self) -> None:
        with self.changed:
            self._paused = False
            self._go()
            self.changed.notify()

    def set_loop(self, loop: bool) -> None:
        """Not to loop takes back a round that has not begun."""
        with self.changed:
            self._loop = loop
            if loop:
                self._end_ns = None
            elif self._parts[-1].start_ns > self._now_ns():
                self._end_ns = next(part.start_ns for part in self._parts if part.start_ns > self._now_ns())
                self._parts = [part for part in self._parts if part.start_ns < self._end_ns]
                self._shots.cut(self._end_ns)
                self._sound.cut(samples(self._end_ns))
            self.changed.notify()

    # Asked by the mixer's threads

    def picture_at(self, room_ns: int | None = None) -> DecodedPicture | None:
        """What is shown at an instant, now where none is named: as if it had come this very moment, for it is no older
        by having been shown before.
        """
        now_ns = self._clock.now_ns()
        with self.changed:
            time_ns = self._time_ns(now_ns if room_ns is None else room_ns)
            shown = self._shots.at(time_ns) or self._standing or self._shots.first
        return None if shown is None else replace(shown, arrived_ns=now_ns)

    def sound_at(self, room_ns: int) -> Samples | None:
        """The 20 ms that begin then; None for silence. A film that stops fades out, one that goes on fades in."""
        with self.changed:
            if self._zero_ns is None:
                tail, self._tail = self._tail, None
                return tail[1] if tail is not None and room_ns - tail[0] < TAIL_NS else None
            chunk = self._sound.read(samples(room_ns - self._zero_ns), SAMPLES_PER_TICK)
            if chunk is None:
                return None
            if self._rising:
                chunk = np.rint(chunk * _RISING).astype(np.int16)
            self._rising = False
            return chunk if chunk.any() else None

    # Told by the film's thread

    def rewind(self, position_ns: int) -> None:
        """Another position of the file: what is shown stays until there is something of it."""
        with self.changed:
            self._standing = self._shots.at(self._now_ns()) or self._standing
            self._stop()
            self._shots.clear()
            self._sound.clear()
            self._parts, self._end_ns, self._held_ns, self._ready = [Part(0, position_ns)], None, 0, False

    def start(self) -> None:
        """Enough of the new position is at hand."""
        with self.changed:
            self._ready = True
            if len(self._shots):
                self._standing = None
            self._go()

    def add_picture(self, due_ns: int, picture: Picture) -> int:
        """By how much it is late."""
        now_ns = self._clock.now_ns()
        with self.changed:
            time_ns = self._now_ns()
            if self._end_ns is None or due_ns < self._end_ns:
                self.decoded += 1
                self._shots.forget(time_ns - KEPT_NS)
                self._shots.add(Shot(due_ns, DecodedPicture(picture, self.decoded, 0, now_ns, now_ns)))
            return time_ns - due_ns if self._zero_ns is not None else 0

    def add_sound(self, first: int, pcm: Samples) -> None:
        with self.changed:
            self._sound.forget(samples(self._now_ns() - KEPT_NS))
            if self._end_ns is None:
                self._sound.write(first, pcm)

    def forget_pictures(self) -> None:
        with self.changed:
            self._shots.clear()
            self._standing = None

    def turn(self, end_ns: int) -> None:
        """The file is over at that time: it begins anew then, or that was all. Sound that would go on is cut off."""
        with self.changed:
            self._sound.cut(samples(end_ns))
            if self._loop:
                since_ns = self._part().start_ns
                self._parts = [*(part for part in self._parts if part.start_ns >= since_ns), Part(end_ns)]
            else:
                self._end_ns = end_ns

    # Asked by the film's thread

    @property
    def parts(self) -> tuple[Part, ...]:
        """This round and those to come."""
        return tuple(self._parts)

    @property
    def part(self) -> Part:
        with self.changed:
            return self._part()

    @property
    def ending(self) -> bool:
        return self._end_ns is not None

    @property
    def over(self) -> bool:
        with self.changed:
            return self._end_ns is not None and self._zero_ns is not None and self._now_ns() >= self._end_ns

    @property
    def wants_picture(self) -> bool:
        with self.changed:
            return not self._shots.full(self._now_ns())

    @property
    def wants_sound(self) -> bool:
        with self.changed:
            return self._sound.end < samples(self._now_ns()) + SOUND_AHEAD

    @property
    def pictures_at_hand(self) -> int:
        return len(self._shots)

    @property
    def sound_end_ns(self) -> int:
        """The film's time after its last sample."""
        return self._sound.end * NS_PER_S // SOUND_HZ

    def wait_ns(self) -> int | None:
        """How long there is nothing to do, unless something changes; None: for ever. Under the lock."""
        if self._zero_ns is None:
            return None
        now_ns = self._now_ns()
        due = [self.sound_end_ns - NS_PER_S + 100 * NS_PER_MS, self._shots.next_due_ns(now_ns), self._end_ns]
        ahead = [at_ns - now_ns for at_ns in due if at_ns is not None and at_ns > now_ns]
        return min(ahead, default=100 * NS_PER_MS)

    # Under the lock

    def _time_ns(self, room_ns: int) -> int:
        return self._held_ns if self._zero_ns is None else room_ns - self._zero_ns

    def _now_ns(self) -> int:
        return self._time_ns(self._clock.now_ns())

    def _part(self) -> Part:
        now_ns = self._now_ns()
        return next((part for part in reversed(self._parts) if part.start_ns <= now_ns), self._parts[0])

    def _position_ns(self) -> int:
        part, now_ns = self._part(), self._now_ns()
        if self._end_ns is not None:
            now_ns = min(now_ns, self._end_ns)
        return max(0, now_ns - part.start_ns + part.from_ns)

    def _go(self) -> None:
        if self._ready and not self._paused and self._zero_ns is None:
            self._zero_ns, self._rising = self._clock.now_ns() - self._held_ns, True

    def _stop(self) -> None:
        if self._zero_ns is None:
            return
        now_ns = self._clock.now_ns()
        self._held_ns = self._time_ns(now_ns)
        tail = self._sound.read(samples(self._held_ns), SAMPLES_PER_TICK)
        self._tail = None if tail is None else (now_ns, np.rint(tail * _RISING[::-1]).astype(np.int16))
        self._zero_ns = None

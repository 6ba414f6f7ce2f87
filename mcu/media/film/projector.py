"""What a film's thread does: decodes ahead, and puts pictures and sound where they belong in the film's time."""

from concurrent.futures import Future, InvalidStateError
from typing import Final

from mcu.clock import NS_PER_MS
from mcu.media.film.file import FilmFacts
from mcu.media.film.reels import PictureReel, SoundReel
from mcu.media.film.screening import Part, Screening

PREROLL_NS: Final = 200 * NS_PER_MS
"""Of sound, before a film begins."""

PADDING_NS: Final = 60 * NS_PER_MS
"""By so much the sound of a file may be longer or shorter than its pictures for the way it was encoded: such a film
ends with its pictures.
"""

LEAST_NS: Final = 20 * NS_PER_MS
"""A round never takes less, or an empty file would keep a core busy."""


class Projector:
    """Puts a file's pictures and sound where they belong in its film's time. On the film's thread."""

    def __init__(
        self, screening: Screening, facts: FilmFacts, pictures: PictureReel | None, sound: SoundReel | None
    ) -> None:
        self.started = False
        self._screening = screening
        self._facts = facts
        self._pictures = pictures
        self._sound = sound
        self._picture_part = self._sound_part = Part(0)
        self._pictures_over = self._sound_over = False
        self._parked = False
        self._looped = screening.loop
        self._done: Future[None] | None = None

    def seek(self, position_ns: int, done: Future[None] | None = None) -> None:
        """Raises ``av.FFmpegError``. ``done`` is told once something of the position is there."""
        if self._facts.duration_ns is not None:
            position_ns = min(position_ns, self._facts.duration_ns)
        self._screening.rewind(position_ns)
        self.started, self._done = False, done
        self._parked = self._screening.parked
        self._picture_part = self._sound_part = self._screening.part
        self._pictures_over = self._sound_over = False
        if self._pictures is not None and not self._parked:
            self._pictures.seek(position_ns)
        if self._sound is not None:
            self._sound.seek(position_ns)

    @property
    def stale(self) -> bool:
        """Something was changed that is to be followed."""
        return self._parked is not self._screening.parked or self._looped is not self._screening.loop

    def work(self) -> bool:
        """Does a little of what there is to do; False when there is nothing."""
        self._looped = self._screening.loop
        self._follow_parking()
        self._follow_cuts()
        busy = self._feed_sound()
        busy = self._feed_pictures() or busy
        busy = self._turn() or busy
        if not self.started and self._enough():
            self.started = True
            self._screening.start()
            if self._done is not None:
                settle(self._done)
                self._done = None
            return True
        return busy

    def _follow_parking(self) -> None:
        """Back from there, pictures go on where the film stands."""
        if self._parked is self._screening.parked or self._pictures is None:
            return
        self._parked = not self._parked
        if not self._parked:
            self._picture_part, self._pictures_over = self._screening.part, False
            self._pictures.seek(self._screening.position_ns)

    def _follow_cuts(self) -> None:
        """A round that was begun too early and taken back is over."""
        parts = self._screening.parts
        if self._picture_part not in parts and self._picture_part.start_ns > parts[-1].start_ns:
            self._picture_part, self._pictures_over = parts[-1], True
        if self._sound_part not in parts and self._sound_part.start_ns > parts[-1].start_ns:
            self._sound_part, self._sound_over = parts[-1], True

    def _feed_pictures(self) -> bool:
        reel = self._pictures
        if reel is None or self._parked:
            return False
        if self._pictures_over:
            part = self._after(self._picture_part)
            if part is None:
                return False
            self._picture_part, self._pictures_over = part, False
            reel.seek(part.from_ns)
        if not self._screening.wants_picture:
            return False
        found = reel.next()
        if found is None:
            self._pictures_over = True
        else:
            reel.hurry(self._screening.add_picture(self._picture_part.time_ns(found[0]), found[1]))
        return True

    def _feed_sound(self) -> bool:
        reel = self._sound
        if reel is None:
            return False
        if self._sound_over:
            part = self._after(self._sound_part)
            if part is None:
                return False
            self._sound_part, self._sound_over = part, False
            reel.seek(part.from_ns)
        if not self._screening.wants_sound:
            return False
        found = reel.next()
        if found is None:
            self._sound_over = True
        else:
            self._screening.add_sound(self._sound_part.sample(found[0]), found[1])
        return True

    def _after(self, part: Part) -> Part | None:
        return next((one for one in self._screening.parts if one.start_ns > part.start_ns), None)

    def _turn(self) -> bool:
        """Where both have come to the end of the last round, another follows, or none."""
        last = self._screening.parts[-1]
        watched = self._pictures is not None and not self._parked
        if self._screening.ending or (watched and not (self._pictures_over and self._picture_part is last)):
            return False
        if self._sound is not None and not (self._sound_over and self._sound_part is last):
            return False
        if not watched and self._sound is None and self._facts.duration_ns is None:
            return False
        self._screening.turn(max(self._end_ns(last), last.start_ns + LEAST_NS))
        return True

    def _end_ns(self, part: Part) -> int:
        """In the film's time. Pictures that nobody sees end where the file says that it does."""
        sound_ns = self._screening.sound_end_ns if self._sound is not None else None
        if self._pictures is None:
            return sound_ns or 0
        known_ns = self._facts.duration_ns if self._parked else self._pictures.end_ns
        pictures_ns = part.time_ns(known_ns or 0)
        if sound_ns is None or abs(sound_ns - pictures_ns) <= PADDING_NS:
            return pictures_ns
        return max(sound_ns, pictures_ns)

    def _enough(self) -> bool:
        screening = self._screening
        seen = self._pictures is None or self._parked or self._pictures_over or screening.pictures_at_hand > 1
        heard = self._sound is None or self._sound_over or screening.sound_end_ns >= PREROLL_NS
        return seen and heard


def settle(done: Future[None]) -> None:
    """Whoever waits need not wait any longer. Idempotent."""
    try:
        done.set_result(None)
    except InvalidStateError:
        return  # whoever waited for it gave up

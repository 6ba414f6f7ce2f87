"""A file that plays: a thread decodes it ahead of time, and whoever governs it pauses, seeks and loops it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import av
import structlog

from mcu.clock import NS_PER_MS, NS_PER_S, Clock
from mcu.errors import Conflict, McuError, Unprocessable
from mcu.media.film.file import FilmFacts, FilmFile
from mcu.media.film.reels import PictureReel, SoundReel
from mcu.media.film.screening import Part, Screening
from mcu.media.film.tracks import FilmPictures, FilmSound
from mcu.thread_name import show_thread_name

log = structlog.get_logger()

PREROLL_NS: Final = 200 * NS_PER_MS
"""Of sound, before a film begins."""

PADDING_NS: Final = 60 * NS_PER_MS
"""By so much the sound of a file may be longer or shorter than its pictures for the way it was encoded: such a film
ends with its pictures.
"""

LEAST_NS: Final = 20 * NS_PER_MS
"""A round never takes less, or an empty file would keep a core busy."""


class Film:
    """One file on a thread of its own. The methods are for the event loop and return at once; ``on_end(error)`` is
    called on the thread when it was played to its end (None) or can't be played on, and never after ``close``.

    ``temporary``: the file is removed as soon as it is open. ``ready`` tells when it plays (or shows where it is
    paused): what the file holds, or an McuError.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        label: str,
        on_end: Callable[[str | None], None],
        temporary: bool = False,
        loop: bool = False,
        paused: bool = False,
        start_ns: int = 0,
    ) -> None:
        self.ready: Future[FilmFacts] = Future()
        self.screening = Screening(clock, loop=loop, paused=paused)
        self.pictures = FilmPictures(self.screening)
        self.sound = FilmSound(self.screening)
        self.rests = 0
        """How often its thread had nothing to do."""
        self._path = path
        self._temporary = temporary
        self._on_end = on_end
        self._log = log.bind(playback=label)
        self._facts: FilmFacts | None = None
        self._closing = False
        self._seek: tuple[int, Future[None]] | None = None
        self._start_ns = start_ns
        self._thread = threading.Thread(target=self._run, name=f"film-{label}"[:15], daemon=True)

    def start(self) -> None:
        """Raises RuntimeError when the thread can't be started."""
        try:
            self._thread.start()
        except RuntimeError:
            if self._temporary:
                self._path.unlink(missing_ok=True)
            raise

    def seek(self, position_ns: int) -> Future[None]:
        """Done once the picture at the position is there, or when there is another wish or an end before that."""
        done: Future[None] = Future()
        with self.screening.changed:
            former, self._seek = self._seek, (position_ns, done)
            if self._closing:
                self._seek = None
                _settle(done)
            self.screening.changed.notify()
        if former is not None:
            _settle(former[1])
        return done

    def close(self) -> None:
        """Returns at once. Idempotent."""
        with self.screening.changed:
            self._closing = True
            self.screening.changed.notify()

    def join(self, timeout_s: float) -> bool:
        """True when the thread has ended within that time. Blocks: not on an event loop."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        show_thread_name()
        error: str | None = None
        try:
            with ExitStack() as files:
                projector = self._open(files)
                self._play(projector)
        except McuError as fault:
            error = self._failed(fault)
        except Exception as fault:  # the boundary of the thread: whatever a file does to a decoder ends here
            name = fault.__class__.__name__
            if not isinstance(fault, av.FFmpegError):
                self._log.exception("film_failed")
            error = self._failed(Unprocessable(f"the file can't be played on: {name}", field="body"))
        finally:
            if self._temporary:
                self._path.unlink(missing_ok=True)
        self._end(error)

    def _failed(self, fault: McuError) -> str:
        try:
            self.ready.set_exception(fault)
        except InvalidStateError:
            self._log.warning("film_ended_early", error=fault.message)
        return fault.message

    def _end(self, error: str | None) -> None:
        with self.screening.changed:
            closing, self._closing = self._closing, True
            seek, self._seek = self._seek, None
        if seek is not None:
            _settle(seek[1])
        if not self.ready.done():
            self.ready.set_exception(Conflict("this film was ended before it began"))
        if not closing:
            self._on_end(error)

    def _open(self, files: ExitStack) -> "Projector":
        file = FilmFile(self._path)
        files.callback(file.close)
        facts = file.facts
        pictures = PictureReel(file) if facts.pictures else None
        sound = None
        if facts.sound:
            other = FilmFile(self._path) if facts.pictures else file
            files.callback(other.close)
            sound = SoundReel(other)
        if self._temporary:
            self._path.unlink(missing_ok=True)
        if facts.duration_ns is not None and self._start_ns > facts.duration_ns:
            raise Unprocessable(f"the file ends at {facts.duration_ns / NS_PER_S:.3f} s", field="start_s")
        self._facts = facts
        self.pictures.may_park = facts.duration_ns is not None and facts.pictures
        return Projector(self.screening, facts, pictures, sound)

    def _play(self, projector: "Projector") -> None:
        projector.seek(self._start_ns)
        while True:
            with self.screening.changed:
                seek, self._seek = self._seek, None
                if self._closing:
                    if seek is not None:
                        self._seek = seek  # whoever waits for it is told at the end
                    return
            if seek is not None:
                projector.seek(seek[0], seek[1])
            busy = projector.work()
            if projector.started and not self.ready.done():
                assert self._facts is not None, "a film that is open knows what is in it"
                self.ready.set_result(self._facts)
            if self.screening.over:
                return
            if not busy:
                self._wait(projector)

    def _wait(self, projector: "Projector") -> None:
        with self.screening.changed:
            if self._closing or self._seek is not None or projector.stale:
                return
            self.rests += 1
            wait_ns = self.screening.wait_ns()
            self.screening.changed.wait(None if wait_ns is None else max(wait_ns, NS_PER_MS) / NS_PER_S)


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

    def seek(self, position_ns: int, done: "Future[None] | None" = None) -> None:
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
                _settle(self._done)
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


def _settle(done: "Future[None]") -> None:
    try:
        done.set_result(None)
    except InvalidStateError:
        return  # whoever waited for it gave up

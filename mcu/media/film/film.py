"""A file that plays: a thread decodes it ahead of time, and whoever governs it pauses, seeks and loops it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import ExitStack
from pathlib import Path

import av
import structlog

from mcu.clock import NS_PER_MS, NS_PER_S, Clock
from mcu.errors import Conflict, McuError, Unprocessable
from mcu.media.film.file import FilmFacts, FilmFile
from mcu.media.film.projector import Projector, settle
from mcu.media.film.reels import PictureReel, SoundReel
from mcu.media.film.screening import Screening
from mcu.media.film.tracks import FilmPictures, FilmSound
from mcu.thread_name import show_thread_name

log = structlog.get_logger()


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
                settle(done)
            self.screening.changed.notify()
        if former is not None:
            settle(former[1])
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
            settle(seek[1])
        if not self.ready.done():
            self.ready.set_exception(Conflict("this film was ended before it began"))
        if not closing:
            self._on_end(error)

    def _open(self, files: ExitStack) -> Projector:
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

    def _play(self, projector: Projector) -> None:
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

    def _wait(self, projector: Projector) -> None:
        with self.screening.changed:
            if self._closing or self._seek is not None or projector.stale:
                return
            self.rests += 1
            wait_ns = self.screening.wait_ns()
            self.screening.changed.wait(None if wait_ns is None else max(wait_ns, NS_PER_MS) / NS_PER_S)

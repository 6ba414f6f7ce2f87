"""A film as the mixer's threads see it: a source of pictures and a source of sound, like a camera and a microphone."""

from collections.abc import Callable

from mcu.media.decoding import DecodedPicture, DecodingStatistics
from mcu.media.film.screening import Screening
from mcu.media.film.strip import Samples
from mcu.media.playout_statistics import PlayoutStatistics
from mixer.levels import SILENT, dbov, rfc6464


class FilmPictures:
    """A ``PictureSource``. Parked, its film's thread decodes no pictures, unless it has to, to know where they end
    (``may_park`` False).
    """

    def __init__(self, screening: Screening) -> None:
        self.may_park = False
        self._screening = screening

    @property
    def latest(self) -> "FilmPictures":
        """Itself: what is due now is its newest."""
        return self

    def peek(self) -> DecodedPicture | None:
        return self._screening.picture_at()

    def picture_at(self, time_ns: int, due_ns: Callable[[DecodedPicture], int]) -> DecodedPicture | None:
        """What is shown at room time ``time_ns``. The film knows by itself when each of its pictures is due."""
        return self._screening.picture_at(time_ns)

    @property
    def parked(self) -> bool:
        return self._screening.parked

    @property
    def arrived_ns(self) -> int | None:
        shown = self.peek()
        return None if shown is None else shown.arrived_ns

    @property
    def statistics(self) -> DecodingStatistics:
        shown, parked = self.peek(), self.parked
        if shown is None:
            return DecodingStatistics(decoded=self._screening.decoded, parked=parked)
        return DecodingStatistics(
            decoded=self._screening.decoded,
            last_decoded_ns=shown.decoded_ns,
            width=shown.picture.width,
            height=shown.picture.height,
            last_arrived_ns=shown.arrived_ns,
            parked=parked,
        )

    def pause(self) -> None:
        if self.may_park:
            self._park(True)

    def resume(self) -> None:
        self._park(False)

    def _park(self, parked: bool) -> None:
        if self._screening.parked is not parked:
            self._screening.parked = parked
            if parked:
                self._screening.forget_pictures()
            with self._screening.changed:
                self._screening.changed.notify()


class FilmSound:
    """A ``SoundSource`` whose levels are measured. On the sound thread, but for the properties."""

    def __init__(self, screening: Screening) -> None:
        self._screening = screening
        self._chunk: tuple[int, Samples | None] = (-1, None)
        self._dbov = float(-SILENT)
        self._played = 0
        self._parked = False

    def look(self, now_ns: int) -> float | None:
        """How loud the 20 ms are that begin at ``now_ns``, in dBov."""
        chunk = self._at(now_ns)
        self._dbov = float(-SILENT) if chunk is None else dbov(chunk)
        return self._dbov

    def pull(self, now_ns: int) -> Samples | None:
        """The 20 ms that begin at ``now_ns``: int16 of shape (960,); None for silence."""
        chunk = self._at(now_ns)
        self._parked, self._dbov = False, float(-SILENT) if chunk is None else dbov(chunk)
        self._played += 0 if chunk is None else chunk.size
        return chunk

    def park(self, now_ns: int) -> None:
        """They pass unheard."""
        self._parked = True

    @property
    def level_dbov(self) -> float:
        return self._dbov

    @property
    def statistics(self) -> PlayoutStatistics:
        return PlayoutStatistics(
            received=0,
            late=0,
            lost=0,
            played_samples=self._played,
            concealed_samples=0,
            fec_recovered=0,
            damaged=0,
            overflowed=0,
            strays=0,
            resets=0,
            delay_ms=0.0,
            target_ms=0.0,
            level=rfc6464(self._dbov),
            parked=self._parked,
            drift_ppm=None,
        )

    def _at(self, now_ns: int) -> Samples | None:
        if self._chunk[0] != now_ns:
            self._chunk = now_ns, self._screening.sound_at(now_ns)
        return self._chunk[1]

"""What the mixer's threads ask of whoever has pictures and sound: a person's camera and microphone, or a film."""

from collections.abc import Callable
from typing import Protocol

from mcu.media.decoding import DecodedPicture, DecodingStatistics
from mcu.media.opus import Samples
from mcu.media.playout_statistics import PlayoutStatistics


class NewestPicture(Protocol):
    def peek(self) -> DecodedPicture | None: ...


class PictureSource(Protocol):
    """``pause`` and ``resume`` by the picture thread: nobody sees it, or somebody does again. All else by any."""

    @property
    def latest(self) -> NewestPicture: ...

    @property
    def parked(self) -> bool: ...

    @property
    def arrived_ns(self) -> int | None:
        """When the newest picture came."""
        ...

    @property
    def statistics(self) -> DecodingStatistics: ...

    def picture_at(self, time_ns: int, due_ns: Callable[[DecodedPicture], int]) -> DecodedPicture | None:
        """What is due at room time ``time_ns``; ``due_ns`` tells it of pictures that came from elsewhere."""
        ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class SoundSource(Protocol):
    """``look``, ``pull`` and ``park`` on the sound thread, in each tick; the properties from any."""

    @property
    def level_dbov(self) -> float: ...

    @property
    def statistics(self) -> PlayoutStatistics: ...

    def look(self, now_ns: int) -> float | None:
        """How loud the 20 ms from ``now_ns`` on will be, in dBov; None: they have to be pulled to know it."""
        ...

    def pull(self, now_ns: int) -> Samples | None:
        """Those 20 ms: int16 of shape (960,); None for silence."""
        ...

    def park(self, now_ns: int) -> None:
        """They are not to be heard."""
        ...

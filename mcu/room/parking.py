"""Decodes only what is seen: sources that are on no view for a while are parked, and come back with a keyframe."""

from collections.abc import Iterable, Sequence

from mcu.room.snapshot import PictureInput
from mixer.scene import TileKey


class Parking:
    """Pauses and resumes decoding; ``park_after_ns`` unseen must pass before, since a keyframe costs a sender as much
    as many pictures. A source that its owner or a moderator switched off is unseen as well. On the picture thread.
    """

    def __init__(self, park_after_ns: int) -> None:
        self._park_after_ns = park_after_ns
        self._unseen_since: dict[TileKey, int] = {}

    def look(self, sources: Sequence[PictureInput], scenes: Iterable[frozenset[TileKey]], now_ns: int) -> None:
        """Judges every source of the room by what is in ``scenes`` at ``now_ns``."""
        seen = frozenset().union(*scenes)
        unseen: dict[TileKey, int] = {}
        for source in sources:
            decoding = source.decoding
            if source.shown and source.key in seen:
                if decoding.parked:
                    decoding.resume()
                continue
            since_ns = unseen[source.key] = self._unseen_since.get(source.key, now_ns)
            if now_ns - since_ns >= self._park_after_ns and not decoding.parked:
                decoding.pause()
        self._unseen_since = unseen

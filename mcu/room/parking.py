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
        self._sources: Sequence[PictureInput] = ()
        self._seen: frozenset[TileKey] = frozenset()
        self._park_ns: int | None = None
        """When the next one will have been unseen for long enough."""

    def look(self, sources: Sequence[PictureInput], scenes: Iterable[frozenset[TileKey]], now_ns: int) -> None:
        """Judges every source of the room by what is in ``scenes`` at ``now_ns``. ``sources`` is another sequence after
        every change in the room; as long as the same ones are seen, nothing is to be done.
        """
        seen = frozenset().union(*scenes)
        unchanged = sources is self._sources and seen == self._seen
        if unchanged and (self._park_ns is None or now_ns < self._park_ns):
            return
        self._sources, self._seen, self._park_ns = sources, seen, None
        unseen: dict[TileKey, int] = {}
        for source in sources:
            decoding = source.decoding
            if source.shown and source.key in seen:
                if decoding.parked:
                    decoding.resume()
                continue
            since_ns = unseen[source.key] = self._unseen_since.get(source.key, now_ns)
            if decoding.parked:
                continue
            if now_ns - since_ns >= self._park_after_ns:
                decoding.pause()
            else:
                park_ns = since_ns + self._park_after_ns
                self._park_ns = park_ns if self._park_ns is None else min(self._park_ns, park_ns)
        self._unseen_since = unseen

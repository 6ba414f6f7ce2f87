"""Others' own streams, in a room that forwards: who comes in which section of the connection, and who reads it."""

from collections.abc import Sequence
from typing import TypeVar

from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from client.streams import Broadcast, Reader
from mcu.protocol.models import Source
from mcu.protocol.streams import MAX_STREAMS, StreamInfo, StreamSource

SPARE = 3
"""Sections offered beyond what those who are here need: each newcomer after that costs a new connection."""

_Key = tuple[str, StreamSource]
FrameT = TypeVar("FrameT", VideoFrame, AudioFrame)


class ForwardedMedia:
    """One event loop. ``sections`` is how many of each kind the next offer should have beside the first."""

    def __init__(self) -> None:
        self.streams: tuple[StreamInfo, ...] = ()
        self.sections = 0
        self._places: dict[str, _Key] = {}
        self._pictures: dict[_Key, Broadcast[VideoFrame]] = {}
        self._sounds: dict[_Key, Broadcast[AudioFrame]] = {}
        self._ended: tuple[BaseException | None] | None = None

    def expect(self, others: int) -> None:
        """Before the first offer: so many are here."""
        self.sections = min(MAX_STREAMS, max(self.sections, others + SPARE))

    def told(self, streams: Sequence[StreamInfo]) -> bool:
        """The server's list. True when somebody found no section and an offer with more would help."""
        self.streams = tuple(streams)
        self._places = {one.mid: (one.participant, one.source) for one in streams if one.mid is not None}
        self._forget_gone()
        if self.sections == MAX_STREAMS or not any(one.missing == "no_section" for one in streams):
            return False
        self.sections = min(MAX_STREAMS, 2 * max(self.sections, SPARE))
        return True

    def pictures(self, participant: str, source: Source, size: int) -> Reader[VideoFrame]:
        return self._of(self._pictures, (participant, source)).reader(size)

    def sounds(self, participant: str, size: int) -> Reader[AudioFrame]:
        return self._of(self._sounds, (participant, "microphone")).reader(size)

    def arrived(self, mid: str, frame: VideoFrame | AudioFrame) -> None:
        """A frame came in that section."""
        key = self._places.get(mid)
        if key is None:
            return
        if isinstance(frame, VideoFrame) and key in self._pictures:
            self._pictures[key].publish(frame)
        elif isinstance(frame, AudioFrame) and key in self._sounds:
            self._sounds[key].publish(frame)

    def close(self, error: BaseException | None) -> None:
        self._ended = (error,)
        for pictures in self._pictures.values():
            pictures.close(error)
        for sounds in self._sounds.values():
            sounds.close(error)

    def _of(self, broadcasts: dict[_Key, Broadcast[FrameT]], key: _Key) -> Broadcast[FrameT]:
        broadcast = broadcasts.get(key)
        if broadcast is None:
            broadcast = broadcasts[key] = Broadcast()
            if self._ended is not None:
                broadcast.close(self._ended[0])
        return broadcast

    def _forget_gone(self) -> None:
        """Readers keep waiting for who comes back; a broadcast that nobody reads is made anew when it is needed."""
        for broadcasts in (self._pictures, self._sounds):
            for key in [key for key, one in broadcasts.items() if not one.read]:
                del broadcasts[key]

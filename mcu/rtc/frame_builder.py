"""From pieces in decoding order to whole frames: what comes after a hole waits for a key frame."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mcu.frames import ReceivedFrame, VideoCodec
from mcu.rtc.depacketise import ENTRY, KEYFRAME, START, Fragment

MAX_FRAME_BYTES = 4 << 20


@dataclass(slots=True)
class _Unit:
    """The frame that is being put together."""

    timestamp: int
    codec: VideoCodec
    whole: bool
    known: int = 0
    size: int = 0
    parts: list[bytes] = field(default_factory=list)


class FrameBuilder:
    """Puts the frames of one source together and hands them to ``on_frame``, from within ``add``. Event loop.

    ``waiting``: nothing is handed on before a key frame. ``keyframe_due``: the sender should be asked for one.
    ``repaired_ns``: when a packet came that had been asked for again; the frames that follow at once waited for it.
    ``frames``, ``keyframes``, ``discarded`` frames and ``malformed`` pieces are counts.
    """

    def __init__(self, ssrc: int, on_frame: Callable[[ReceivedFrame], None]) -> None:
        self.waiting = True
        self.keyframe_due = False
        self.repaired_ns: int | None = None
        self.frames = self.keyframes = self.discarded = self.malformed = 0
        self._ssrc = ssrc
        self._on_frame = on_frame
        self._unit: _Unit | None = None
        self._boundary = False  # whether the piece before the next one certainly ended a frame

    @property
    def size(self) -> int:
        """Bytes of the frame that isn't whole yet."""
        return self._unit.size if self._unit is not None else 0

    def add(self, timestamp: int, marker: bool, codec: VideoCodec, fragment: Fragment | None, now_ns: int) -> None:
        """Adds the piece that comes next in decoding order to its frame; None is one that was malformed."""
        unit = self._unit
        if unit is None or timestamp != unit.timestamp or codec != unit.codec:
            if unit is not None:
                self._finish(unit, now_ns)  # its marker never came, but no packet is missing
            unit = self._unit = self._begin(timestamp, codec, fragment)
        if fragment is None:
            self.malformed += 1
            unit.whole = False
        elif unit.whole:
            data, known = fragment
            unit.parts.append(data)
            unit.size += len(data)
            unit.known |= known
            unit.whole = unit.size <= MAX_FRAME_BYTES
        if not unit.whole:
            unit.parts.clear()
        if marker:
            self._finish(unit, now_ns)

    def _begin(self, timestamp: int, codec: VideoCodec, fragment: Fragment | None) -> _Unit:
        known = 0 if fragment is None else fragment[1]
        whole = bool(known & START)
        if codec == "H264":
            whole = whole and (self._boundary or bool(known & ENTRY))
        return _Unit(timestamp, codec, whole)

    def _finish(self, unit: _Unit, now_ns: int) -> None:
        self._unit = None
        self._boundary = True
        keyframe = bool(unit.known & KEYFRAME)
        if not unit.whole or (self.waiting and not keyframe):
            self.discarded += 1
            self.waiting = True
            self.keyframe_due = True
            return
        self.frames += 1
        if keyframe:
            self.keyframes += 1
            self.waiting = self.keyframe_due = False
        data = unit.parts[0] if len(unit.parts) == 1 else b"".join(unit.parts)
        repaired = now_ns == self.repaired_ns
        self._on_frame(ReceivedFrame(unit.codec, data, keyframe, unit.timestamp, self._ssrc, now_ns, repaired))

    def lose(self) -> None:
        """Drops the frame that isn't whole yet; what comes next may be anywhere, but is certainly an entry."""
        if self._unit is not None:
            self.discarded += 1
            self._unit = None

    def restart(self) -> None:
        """Drops what there is: what comes next is in the middle of something and must become a key frame."""
        self.lose()
        self._boundary = False
        self.waiting = True

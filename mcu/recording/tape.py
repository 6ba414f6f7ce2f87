"""Pictures and sound laid out on the one time line of a file.

Room time rules: the first keyframe is zero, and both streams' timestamps are room time since then. Sound from before
it is cut, sound that is missing is silence, pictures that are missing leave a gap. A pause is cut out of both at the
same instant: the keyframe that ends it follows what was before it at once.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ, EncodedFrame
from mcu.recording.muxing import AAC_FRAME_SAMPLES
from mcu.recording.pauses import Pauses
from mcu.recording.soundtrack import Sound, Soundtrack

EARLY_BLOCKS: Final = 50
"""Sound that is kept for the first keyframe to turn out to be older than it: an encoder is later than a mixer."""
SOUND_PATIENCE_NS: Final = 400 * NS_PER_MS
"""Sound that is further behind the pictures than this is taken to be lost."""


@dataclass(frozen=True, slots=True)
class NumberedPicture:
    """``number`` counts what the hub gave: where one is missing, what follows it can't be decoded."""

    number: int
    frame: EncodedFrame


@dataclass(frozen=True, slots=True)
class TimedSound:
    """int16 mono samples at 48 kHz, the first of which sounds at room time ``time_ns``."""

    pcm: Sound
    time_ns: int

    @property
    def end_ns(self) -> int:
        return self.time_ns + len(self.pcm) * NS_PER_S // AUDIO_CLOCK_HZ


class FileWriter(Protocol):
    """What ``Mp4Writer`` is: see there."""

    @property
    def duration_s(self) -> float: ...
    def write_frame(self, frame: EncodedFrame, pts: int) -> None: ...
    def write_sound(self, block: Sound) -> None: ...
    def flush(self) -> None: ...


class Tape:
    """For one thread; the counts may be read by any. What the writer raises goes through to the caller, and
    ``ValueError`` for pictures of another kind.
    """

    def __init__(self, writer: FileWriter, width: int, height: int, pauses: Pauses) -> None:
        self.frames = 0
        self.unusable = 0
        self._writer = writer
        self._size = width, height
        self._pauses = pauses
        self._soundtrack: Soundtrack | None = None
        self._origin_ns = 0
        self._early: deque[TimedSound] = deque(maxlen=EARLY_BLOCKS)
        self._next_picture = 0
        self._written_ns = 0

    @property
    def silence_s(self) -> float:
        """Silence written for sound that didn't come."""
        return self._soundtrack.silence / AUDIO_CLOCK_HZ if self._soundtrack else 0.0

    @property
    def duration_s(self) -> float:
        return self._writer.duration_s

    def look_at_pauses(self) -> bool:
        """True when a pause has begun. What has been written of it before it was known stays: a block of sound at
        most.
        """
        if self._pauses.notice(self._written_ns) is None:
            return False
        self._cut()
        return True

    def add_sound(self, sound: TimedSound) -> None:
        cut_ns = self._pauses.cut_ns
        if self._soundtrack is None or (cut_ns is not None and sound.end_ns > cut_ns):
            self._early.append(sound)
        if self._soundtrack is not None and (cut_ns is None or sound.time_ns < cut_ns):
            self._soundtrack.add(sound.pcm, sound.time_ns)
            self._written_ns = max(self._written_ns, sound.end_ns)

    def add_picture(self, picture: NumberedPicture) -> bool:
        """True when recording goes on with it after a pause."""
        frame = picture.frame
        if frame.codec != "H264" or (frame.width, frame.height) != self._size:
            raise ValueError(
                f"{frame.codec} of {frame.width}×{frame.height} came into an H264 recording of {self._size}"
            )
        cut_ns = self._pauses.cut_ns
        goes_on = False
        if cut_ns is not None and frame.time_ns >= cut_ns:
            goes_on = frame.keyframe and self._pauses.is_over_at(frame.time_ns)
            if not goes_on:
                return False
            self._join(cut_ns, frame.time_ns)
        follows = picture.number == self._next_picture and self.frames > 0
        if not follows and not frame.keyframe:
            self.unusable += 1  # its predecessors were dropped: it would decode to rubbish
            return False
        self._next_picture = picture.number + 1
        self._write(frame)
        return goes_on

    def finish(self) -> None:
        """Writes what waits and brings both streams to one end. Raises ``ValueError`` when there is no picture."""
        if self._soundtrack is None:
            raise ValueError("it was paused before any picture came" if self._pauses.ordered else "no picture came")
        self._soundtrack.pad_to(self._origin_ns + round(self._writer.duration_s * NS_PER_S))
        self._soundtrack.finish()
        self._writer.flush()

    def _write(self, frame: EncodedFrame) -> None:
        if self._soundtrack is None:
            self._origin_ns = frame.time_ns
        self._writer.write_frame(frame, (frame.time_ns - self._origin_ns) * VIDEO_CLOCK_HZ // NS_PER_S)
        self._written_ns = max(self._written_ns, frame.time_ns + 1)
        self.frames += 1
        if self._soundtrack is None:
            self._soundtrack = Soundtrack(self._origin_ns, AAC_FRAME_SAMPLES, self._writer.write_sound)
            self._cut()
            self._add_early(self._soundtrack)
        self._soundtrack.pad_to(frame.time_ns - SOUND_PATIENCE_NS)

    def _cut(self) -> None:
        cut_ns = self._pauses.cut_ns
        if cut_ns is not None and self._soundtrack is not None:
            self._soundtrack.cut(cut_ns)
            self._pauses.cut_at((cut_ns - self._origin_ns) / NS_PER_S)

    def _join(self, cut_ns: int, time_ns: int) -> None:
        self._pauses.go_on(time_ns)
        if self._soundtrack is not None:
            self._soundtrack.join(cut_ns, time_ns)
            self._origin_ns += time_ns - cut_ns
            self._add_early(self._soundtrack)

    def _add_early(self, soundtrack: Soundtrack) -> None:
        for block in self._early:
            soundtrack.add(block.pcm, block.time_ns)
            self._written_ns = max(self._written_ns, block.end_ns)
        self._early.clear()

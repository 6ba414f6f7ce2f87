"""One stream of a file, decoded in order from any position: pictures, or sound as the mixer takes it.

Pictures and sound have a reel each, with the file opened twice: neither has to be kept because the other isn't there
yet, however the file interleaves them. Positions are in ns from the beginning of the file. One thread.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.media.film.file import MAX_CHANNELS, MAX_RATE_HZ, MAX_SIDE_PX, FilmFile, check_size, ns_of
from mcu.media.pictures import picture_of
from mixer.picture import Picture
from mixer.timeline import SOUND_HZ

Samples = NDArray[np.int16]

MAX_DAMAGED: Final = 50
"""Packets in a row that can't be decoded: then it is no damage any more but the end."""

STEPS_BACK_NS: Final = (0, 2 * NS_PER_S, 15 * NS_PER_S)
"""How far before a position a keyframe is sought where the file's index leads behind it; then from the beginning."""

WARM_UP_NS: Final = 100 * NS_PER_MS
"""Of sound before a position, so that the decoder is at ease when it comes (Opus wants 80 ms, RFC 7845)."""

MAX_JITTER_SAMPLES: Final = SOUND_HZ // 50
"""Timestamps that are off by less are rounding; by more, a hole or a jump."""

USUAL_PICTURE_NS: Final = 40 * NS_PER_MS
SKIPPED_FROM_NS: Final = 100 * NS_PER_MS
LOST_FROM_NS: Final = 1000 * NS_PER_MS


class PictureReel:
    """``end_ns`` is where the last picture ends, once it is known. The file is closed with the reel."""

    def __init__(self, file: FilmFile) -> None:
        stream = file.picture_stream
        assert stream is not None, "a reel of pictures is made of a file that has some"
        self.end_ns: int | None = None
        self._file, self._stream, self._origin_ns = file, stream, file.facts.origin_ns
        self._usual_ns = round(NS_PER_S / stream.average_rate) if stream.average_rate else USUAL_PICTURE_NS
        self._last_ns = 0
        self._to_keyframe = False
        self._damaged = 0
        file.only(stream)
        self._shape = stream.sample_aspect_ratio or Fraction(1)
        self._frames = self._from(0, self._decoded())

    def seek(self, position_ns: int) -> None:
        """The next picture is the one that is shown at the position. Raises ``av.FFmpegError``."""
        self._to_keyframe, self._stream.codec_context.skip_frame = False, "DEFAULT"
        for step_ns in (*STEPS_BACK_NS, position_ns):
            from_ns = max(0, position_ns - step_ns)
            self._file.seek(self._stream, from_ns)
            decoded = self._decoded()
            first = next(decoded, None) if from_ns else None
            if not from_ns or (first is not None and first[0] <= position_ns):
                self._frames = self._from(position_ns, decoded, first)
                return

    def hurry(self, late_ns: int) -> None:
        """Pictures come this much too late: some, or all up to the next keyframe, are left out."""
        self._stream.codec_context.skip_frame = "NONREF" if late_ns > SKIPPED_FROM_NS else "DEFAULT"
        self._to_keyframe |= late_ns > LOST_FROM_NS

    def next(self) -> tuple[int, Picture] | None:
        """A picture and its position; None at the end. Raises ``av.FFmpegError`` where nothing can be decoded any more,
        Unprocessable for a picture that is larger than they may be.
        """
        found = next(self._frames, None)
        return None if found is None else (found[0], _upright(found[1], self._shape))

    def close(self) -> None:
        self._file.close()

    @staticmethod
    def _from(
        position_ns: int, decoded: Iterator[tuple[int, VideoFrame]], first: tuple[int, VideoFrame] | None = None
    ) -> Iterator[tuple[int, VideoFrame]]:
        shown = first
        for found in decoded:
            if found[0] <= position_ns:
                shown = found
                continue
            if shown is not None:
                yield shown
                shown = None
            yield found
        if shown is not None:
            yield shown

    def _decoded(self) -> Iterator[tuple[int, VideoFrame]]:
        for packet in self._file.container.demux(self._stream):
            if self._to_keyframe and packet.size:
                if not packet.is_keyframe:
                    continue
                self._to_keyframe = False
                self._stream.codec_context.flush_buffers()
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._damaged += 1
                if self._damaged > MAX_DAMAGED:
                    raise
                continue
            for frame in frames:
                self._damaged = 0
                check_size(frame.width, frame.height)
                yield self._placed(frame), frame

    def _placed(self, frame: VideoFrame) -> int:
        if frame.pts is not None and frame.time_base is not None:
            self._last_ns = max(0, ns_of(frame.pts, frame.time_base) - self._origin_ns)
        else:
            self._last_ns += self._usual_ns
        lasts_ns = ns_of(frame.duration, frame.time_base) if frame.duration and frame.time_base else self._usual_ns
        self.end_ns = max(self.end_ns or 0, self._last_ns + lasts_ns)
        return self._last_ns


def _upright(frame: VideoFrame, shape: Fraction) -> Picture:
    """As it is meant to be seen: with square pixels, and turned as the camera was held. ``shape`` is a pixel's own."""
    if shape != 1:
        width = min(MAX_SIDE_PX, max(2, round(frame.width * shape)))
        frame = frame.reformat(width=width, height=frame.height, threads=1)
    turns = round(frame.rotation / 90) % 4
    picture = picture_of(frame)
    if not turns:
        return picture
    y, u, v = (np.ascontiguousarray(np.rot90(plane, turns)) for plane in picture.planes)
    return Picture(y, u, v)


class SoundReel:
    """Sound in one channel at 48 kHz. The file is closed with the reel."""

    def __init__(self, file: FilmFile) -> None:
        stream = file.sound_stream
        assert stream is not None, "a reel of sound is made of a file that has some"
        self._file, self._stream, self._origin_ns = file, stream, file.facts.origin_ns
        self._resampler = AudioResampler("s16", "mono", SOUND_HZ)
        self._form: tuple[str, str, int] | None = None
        self._damaged = 0
        file.only(stream)
        self._pieces = self._from(0)

    def seek(self, position_ns: int) -> None:
        """The next samples are those that are heard from the position on. Raises ``av.FFmpegError``."""
        self._file.seek(self._stream, max(0, position_ns - WARM_UP_NS))
        self._resampler, self._form = AudioResampler("s16", "mono", SOUND_HZ), None
        self._pieces = self._from(position_ns)

    def next(self) -> tuple[int, Samples] | None:
        """The number of the first sample, counted from the beginning of the file, and int16 samples of shape (n,); None
        at the end. Raises ``av.FFmpegError`` where nothing can be decoded any more.
        """
        return next(self._pieces, None)

    def close(self) -> None:
        self._file.close()

    def _from(self, position_ns: int) -> Iterator[tuple[int, Samples]]:
        first = position_ns * SOUND_HZ // NS_PER_S
        cursor: int | None = None
        for place, frame in self._decoded():
            if place is not None and (cursor is None or abs(place - cursor) > MAX_JITTER_SAMPLES):
                cursor = place
            cursor = cursor or 0
            for piece in self._resampled(frame):
                begin, cursor = cursor, cursor + piece.size
                if cursor > first:
                    cut = max(0, first - begin)
                    yield begin + cut, piece[cut:]

    def _resampled(self, frame: AudioFrame | None) -> Iterator[Samples]:
        if frame is not None:
            form = frame.format.name, frame.layout.name, frame.sample_rate
            if frame.layout.nb_channels > MAX_CHANNELS or not 0 < frame.sample_rate <= MAX_RATE_HZ:
                return
            if self._form not in (None, form):
                self._resampler = AudioResampler("s16", "mono", SOUND_HZ)
            self._form = form
        elif self._form is None:
            return  # an empty resampler has nothing to give
        for piece in self._resampler.resample(frame):
            yield piece.to_ndarray().reshape(-1).astype(np.int16, copy=False)

    def _decoded(self) -> Iterator[tuple[int | None, AudioFrame | None]]:
        """Each frame and the number of its first sample, as far as it says so; at the end None, which empties the
        resampler.
        """
        for packet in self._file.container.demux(self._stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._damaged += 1
                if self._damaged > MAX_DAMAGED:
                    raise
                continue
            for frame in frames:
                self._damaged = 0
                if frame.pts is None or frame.time_base is None:
                    yield None, frame
                    continue
                at_ns = ns_of(frame.pts, frame.time_base) - self._origin_ns
                yield (at_ns * SOUND_HZ + NS_PER_S // 2) // NS_PER_S, frame
        yield None, None

"""Files as they come from outside, opened for playing: of few kinds, and bounded before anything of them is decoded.

The container is told by its first bytes and never guessed by FFmpeg, whose guesses include playlists that name other
files and addresses; and whatever a container may refer to, it is read from this one file alone. Everything here blocks:
call it off the event loop.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from mcu.clock import NS_PER_S
from mcu.errors import NotFound, Unprocessable

MAX_SIDE_PX: Final = 4096
MAX_PIXELS: Final = 16_000_000
MAX_CHANNELS: Final = 8
MAX_RATE_HZ: Final = 192_000
MAX_STREAMS: Final = 32
THREADS_ABOVE_PX: Final = 1280 * 720
"""Larger pictures are decoded by two threads: one may take as long for them as they last."""

KINDS: Final = "MP4 or MOV, WebM or Matroska, Ogg, WAV, FLAC, MP3 or AAC"
PICTURE_CODECS: Final = frozenset(("h264", "hevc", "vp8", "vp9", "libvpx-vp9", "libdav1d", "av1", "mpeg4", "theora"))
SOUND_CODECS: Final = frozenset(
    ("aac", "opus", "libopus", "vorbis", "libvorbis", "mp3", "mp3float", "flac", "alac", "ac3", "eac3")
) | {f"pcm_{kind}" for kind in ("u8", "s16le", "s16be", "s24le", "s24be", "s32le", "f32le", "mulaw", "alaw")}

_OPTIONS: Final = {"protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}
_MOV_ATOMS: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


@dataclass(frozen=True, slots=True)
class FilmFacts:
    """What a file holds. Times are in ns; ``origin_ns`` is where its own time begins, ``duration_ns`` None: unknown."""

    pictures: bool
    sound: bool
    origin_ns: int
    duration_ns: int | None


def container_of(head: bytes) -> str:
    """FFmpeg's name of the container that begins with ``head``. Raises Unprocessable for what isn't played here."""
    if head[4:8] in _MOV_ATOMS:
        return "mov"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
        return "mp3"
    raise Unprocessable(f"this is no file that can be played here: send {KINDS}", field="body")


class FilmFile:
    """An open file of which one stream is read. Raises NotFound where there is none, Unprocessable for one that can't
    be played. One thread; ``close`` is idempotent.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                kind = container_of(file.read(16))
            self.container: InputContainer = av.open(f"file:{path.absolute()}", "r", format=kind, options=_OPTIONS)
        except FileNotFoundError:
            raise NotFound("there is no such file here", code="no_such_file", field="file") from None
        except (av.FFmpegError, OSError, ValueError) as error:
            raise _unplayable(error) from None
        try:
            if len(self.container.streams) > MAX_STREAMS:
                raise Unprocessable(f"the file has more than {MAX_STREAMS} streams", field="body")
            self.picture_stream = _picture_stream(self.container)
            self.sound_stream = _sound_stream(self.container)
            if self.picture_stream is None and self.sound_stream is None:
                raise Unprocessable("the file holds neither pictures nor sound that can be played here", field="body")
        except BaseException:
            self.close()
            raise

    @property
    def facts(self) -> FilmFacts:
        container = self.container
        origin_ns = max(0, container.start_time or 0) * 1000
        duration_ns = container.duration * 1000 if container.duration else None
        return FilmFacts(self.picture_stream is not None, self.sound_stream is not None, origin_ns, duration_ns)

    def only(self, stream: VideoStream | AudioStream) -> None:
        """Nothing else of the file is read from now on."""
        for other in self.container.streams:
            if other is not stream:
                other.discard = Discard.all

    def seek(self, stream: VideoStream | AudioStream, position_ns: int) -> None:
        """To the keyframe at or before a position from the file's beginning. Raises ``av.FFmpegError``."""
        time_base = stream.time_base or Fraction(1, av.time_base)
        target = (position_ns + self.facts.origin_ns) * time_base.denominator // (time_base.numerator * NS_PER_S)
        self.container.seek(target, stream=stream, backward=True)

    def close(self) -> None:
        self.container.close()


def ns_of(pts: int, time_base: Fraction) -> int:
    """A time in units of ``time_base`` as ns, rounded down from the exact fraction."""
    return pts * time_base.numerator * NS_PER_S // time_base.denominator


def check_size(width: int, height: int) -> None:
    """Raises Unprocessable for pictures that are larger than they may be."""
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise Unprocessable(
            f"its pictures are {width}×{height} px; at most {MAX_SIDE_PX} px a side and {MAX_PIXELS // 10**6} MP are "
            "played here: scale it down",
            field="body",
        )


def _picture_stream(container: InputContainer) -> VideoStream | None:
    """The first that moves: a cover is none."""
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        context, name = stream.codec_context, _codec_of(stream)
        if name not in PICTURE_CODECS:
            raise Unprocessable(f"pictures of {name} can't be played here: send H.264 or VP9", field="body")
        check_size(context.width, context.height)
        context.options = {"max_pixels": str(MAX_PIXELS)}
        context.thread_count = 2 if context.width * context.height > THREADS_ABOVE_PX else 1
        return stream
    return None


def _sound_stream(container: InputContainer) -> AudioStream | None:
    for stream in container.streams.audio:
        context, name = stream.codec_context, _codec_of(stream)
        if name not in SOUND_CODECS or context.channels > MAX_CHANNELS or context.rate > MAX_RATE_HZ:
            raise Unprocessable(f"such sound of {name} can't be played here: send AAC or Opus", field="body")
        return stream
    return None


def _codec_of(stream: VideoStream | AudioStream) -> str:
    """Of one without a decoder there is nothing but the stream."""
    return getattr(stream.codec_context, "name", "an unknown codec")


def _unplayable(error: Exception) -> Unprocessable:
    return Unprocessable(
        f"the file can't be played ({error.__class__.__name__}): is it whole? send {KINDS}", field="body"
    )

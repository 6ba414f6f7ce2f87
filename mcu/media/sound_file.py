"""Sound files as they come from outside: decoded to what the mixer takes, bounded in time and size.

The container is told by its first bytes and never guessed by FFmpeg, whose guesses include playlists that name other
files and addresses. Everything here blocks: call it off the event loop.
"""

import io
from collections.abc import Iterator
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from mcu.errors import Unprocessable
from mixer.timeline import SOUND_HZ
from mixer.tones import smoothed

MAX_SOUND_S: Final = 120
MAX_CHANNELS: Final = 8
MAX_RATE_HZ: Final = 192_000

_CODECS: Final = frozenset(("opus", "libopus", "vorbis", "flac", "mp3", "mp3float", "pcm_u8", "pcm_f32le")) | {
    f"pcm_s{bits}le" for bits in (16, 24, 32)
}


def decode_sound(data: bytes, max_s: int = MAX_SOUND_S) -> NDArray[np.int16]:
    """An Ogg (Opus, Vorbis, FLAC), WAV, FLAC or MP3 file as int16 (n,), mono at 48 kHz, with its ends faded.

    Raises Unprocessable for what is none of these, is damaged, silent by having no samples, or longer than ``max_s``.
    """
    try:
        with av.open(io.BytesIO(data), "r", format=_container(data)) as container:
            pieces = list(_pieces(container, max_s * SOUND_HZ))
    except (av.FFmpegError, ValueError) as error:
        raise Unprocessable(f"the file can't be decoded: {error.__class__.__name__}", field="body") from None
    if not pieces:
        raise Unprocessable("the file holds no sound", field="body")
    return smoothed(np.concatenate(pieces))


def _container(data: bytes) -> str:
    if data[:4] == b"OggS":
        return "ogg"
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"fLaC":
        return "flac"
    if data[:3] == b"ID3" or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0):
        return "mp3"
    raise Unprocessable("this is no sound that is understood here: send Ogg, WAV, FLAC or MP3", field="body")


def _pieces(container: InputContainer, max_samples: int) -> Iterator[NDArray[np.int16]]:
    if not container.streams.audio:
        return
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context.name not in _CODECS or not 1 <= context.channels <= MAX_CHANNELS or not 0 < context.rate <= MAX_RATE_HZ:
        raise Unprocessable(f"a sound of {context.name} with {context.channels} channels can't be used", field="body")
    resampler = AudioResampler("s16", "mono", SOUND_HZ)
    left = max_samples
    for decoded in _frames(container, stream):
        for frame in resampler.resample(decoded):
            piece = frame.to_ndarray().reshape(-1).astype(np.int16)
            left -= piece.size
            if left < 0:
                raise Unprocessable(f"the sound is longer than {max_samples // SOUND_HZ} s", field="body")
            yield piece


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame | None]:
    """Each frame, and None at the end, which empties a resampler."""
    yield from container.decode(stream)
    yield None

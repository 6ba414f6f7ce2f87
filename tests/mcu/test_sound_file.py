"""Sound files from outside: what is understood, and what is refused with its reason."""

import io
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest

from mcu.errors import Unprocessable
from mcu.media.sound_file import decode_sound
from tests.kit.tones import tone_dbfs

VOICE = Path(__file__).parents[2] / "samples" / "media" / "ada.ogg"


def encoded(container: str, codec: str, rate_hz: int, channels: int = 1, seconds: float = 1.0) -> bytes:
    """A tone of 500 Hz at −20 dBFS in a file of this kind."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz)
        assert isinstance(stream, av.AudioStream)
        layout = "mono" if channels == 1 else "stereo"
        stream.codec_context.layout = layout
        at = np.arange(round(seconds * rate_hz)) / rate_hz
        pcm = np.rint(3_276.7 * np.sin(2 * np.pi * 500 * at)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(pcm, channels).reshape(1, -1), "s16", layout)
        frame.rate = rate_hz
        resampler = av.AudioResampler(stream.codec_context.format, layout, rate_hz, stream.codec_context.frame_size)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz", "channels"),
    [
        ("wav", "pcm_s16le", 8_000, 1),
        ("wav", "pcm_s16le", 44_100, 2),
        ("flac", "flac", 48_000, 1),
        ("mp3", "libmp3lame", 44_100, 2),
        ("ogg", "libopus", 48_000, 1),
    ],
)
def test_a_file_of_each_kind_becomes_mono_at_48_khz(container: str, codec: str, rate_hz: int, channels: int) -> None:
    sound = decode_sound(encoded(container, codec, rate_hz, channels))
    assert sound.dtype == np.int16
    assert sound.size == pytest.approx(48_000, abs=3_000)
    assert tone_dbfs(sound[4_800:43_200], 500) == pytest.approx(-20.0, abs=0.7)
    assert abs(int(sound[0])) < 20
    assert abs(int(sound[-1])) < 20


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/\n",
        b"OggS" + b"x" * 3_000,
        b"RIFF\0\0\0\0WAVE" + b"\0" * 300,
        b"ID3" + b"x" * 3_000,
        b"fLaC" + b"\0" * 300,
        (Path(__file__).parents[2] / "samples" / "media" / "bigbuckbunny.mp4").read_bytes(),
        VOICE.read_bytes()[:60],
    ],
    ids=["empty", "playlist", "ogg", "wav", "mp3", "flac", "mp4", "cut off"],
)
def test_what_is_no_sound_is_refused(data: bytes) -> None:
    with pytest.raises(Unprocessable):
        decode_sound(data)


def test_a_damaged_end_is_refused_or_left_out_but_never_crashes() -> None:
    whole = VOICE.read_bytes()
    for end in range(200, len(whole), len(whole) // 10):
        try:
            assert decode_sound(whole[:end]).size <= 10 * 48_000
        except Unprocessable:
            continue


def test_what_is_too_long_is_refused_before_it_is_all_decoded() -> None:
    long = encoded("flac", "flac", 48_000, seconds=60)
    tracemalloc.start()
    try:
        with pytest.raises(Unprocessable, match="longer than 2 s"):
            decode_sound(long, max_s=2)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2_000_000

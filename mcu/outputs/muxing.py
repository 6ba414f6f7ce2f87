"""The container of each kind of output: H.264 as it comes, and sound as AAC, for WHIP as Opus."""

import io
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from mcu.clock import NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ
from mcu.outputs.pipe import Setup
from mcu.outputs.srt import SrtCaller
from mcu.recording.soundtrack import Sound

AUDIO_BPS: Final = 96_000
AAC_FRAME_SAMPLES: Final = 1024
OPUS_FRAME_SAMPLES: Final = 960
VIDEO_TIME_BASE: Final = Fraction(1, VIDEO_CLOCK_HZ)
AUDIO_TIME_BASE: Final = Fraction(1, AUDIO_CLOCK_HZ)
PLAYLIST: Final = "index.m3u8"
SEGMENT_S: Final = 2
SEGMENTS: Final = 6

FORMATS: Final = {"rtmp": "flv", "srt": "mpegts", "hls": "hls", "whip": "whip"}

OPTIONS: Final[dict[str, dict[str, str]]] = {
    "rtmp": {"flvflags": "no_duration_filesize", "flush_packets": "1"},
    "srt": {"flush_packets": "1", "mpegts_flags": "resend_headers+pat_pmt_at_frames"},
    "hls": {
        "hls_time": str(SEGMENT_S),
        "hls_list_size": str(SEGMENTS),
        "hls_delete_threshold": "2",
        # Numbers that grow by the clock: a player that has seen those of an earlier sender doesn't take new segments
        # for old ones.
        "hls_start_number_source": "epoch",
    },
    "whip": {"handshake_timeout": "8000"},
}
HLS_FLAGS: Final = "delete_segments+independent_segments+temp_file"
CERTIFICATE_DAYS: Final = 30


class LiveMuxer:
    """For one thread, which it may block for as long as the network does; every method may raise ``OSError`` or
    ``av.FFmpegError``. Opening reaches the destination. ``keyframe``: the first picture, with its parameter sets.
    """

    def __init__(self, setup: Setup, keyframe: bytes) -> None:
        self.frame_samples = OPUS_FRAME_SAMPLES if setup.kind == "whip" else AAC_FRAME_SAMPLES
        self.bytes_sent = 0
        self._samples = 0
        self._last_pts = -1
        self._frame_ticks = round(VIDEO_CLOCK_HZ / setup.fps)
        options = dict(OPTIONS[setup.kind]) | {"max_interleave_delta": "200000"}
        target: Any = setup.target
        self._caller: SrtCaller | None = None
        if setup.kind == "whip":
            options |= _certificate(Path(setup.scratch)) | ({"authorization": setup.token} if setup.token else {})
        elif setup.kind == "hls":
            folder = Path(setup.target)
            target = str(folder / PLAYLIST)
            options["hls_segment_filename"] = str(folder / "%d.ts")
            options["hls_flags"] = HLS_FLAGS + ("+discont_start" if setup.again else "")
        elif setup.kind == "srt":
            target = self._caller = SrtCaller(setup.target)
        self._container = av.open(target, "w", format=FORMATS[setup.kind], options=options)
        self._video = self._copied_video(keyframe)
        self._audio = self._new_audio(setup.kind)
        self._container.start_encoding()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._container.close()
        if self._caller is not None:
            self._caller.close()

    def _copied_video(self, keyframe: bytes) -> VideoStream:
        """FLV and WHIP tell the parameter sets before the first picture: they are taken from it."""
        with av.open(io.BytesIO(keyframe), format="h264") as source:
            stream = self._container.add_stream_from_template(source.streams.video[0])
        stream.time_base = VIDEO_TIME_BASE
        return stream

    def _new_audio(self, kind: str) -> AudioStream:
        opus = kind == "whip"  # whose muxer takes two channels and no other number
        stream = self._container.add_stream(
            "libopus" if opus else "aac", rate=AUDIO_CLOCK_HZ, layout="stereo" if opus else "mono"
        )
        if not isinstance(stream, AudioStream):
            raise TypeError("there is no encoder for the sound here")
        stream.bit_rate = AUDIO_BPS
        return stream

    def write_picture(self, data: bytes, keyframe: bool, time_ns: int) -> None:
        """``time_ns`` since the first one; a step back becomes the smallest step forward."""
        self._last_pts = pts = max(time_ns * VIDEO_CLOCK_HZ // NS_PER_S, self._last_pts + 1)
        packet = av.Packet(data)
        packet.stream = self._video
        packet.time_base = VIDEO_TIME_BASE
        packet.pts = packet.dts = pts
        packet.duration = self._frame_ticks
        packet.is_keyframe = keyframe
        self._container.mux(packet)
        self.bytes_sent += len(data)

    def write_sound(self, block: Sound) -> None:
        """The next ``frame_samples`` samples (int16, mono, 48 kHz)."""
        if self.frame_samples == OPUS_FRAME_SAMPLES:
            frame = av.AudioFrame.from_ndarray(np.repeat(block, 2)[np.newaxis], "s16", "stereo")
        else:
            frame = av.AudioFrame.from_ndarray((block.astype(np.float32) / 32768)[np.newaxis], "fltp", "mono")
        frame.sample_rate = AUDIO_CLOCK_HZ
        frame.time_base = AUDIO_TIME_BASE
        frame.pts = self._samples
        self._samples += len(block)
        packets = self._audio.encode(frame)
        self._container.mux(packets)
        self.bytes_sent += sum(packet.size for packet in packets)


def _certificate(scratch: Path) -> dict[str, str]:
    """The muxer wants a P-256 certificate of its user's for DTLS, in files. Its fingerprint goes into the offer."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mcu")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = scratch / "certificate.pem", scratch / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return {"cert_file": str(cert_file), "key_file": str(key_file)}

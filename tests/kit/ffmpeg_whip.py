"""FFmpeg's WHIP muxer (in PyAV's wheel) as a publisher, on a thread of its own."""

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.kit.testcard import draw

WIDTH, HEIGHT, FPS = 320, 180, 15
SAMPLES = 48_000 // FPS
END_TIMEOUT_S = 20.0


@contextlib.contextmanager
def publishing(address: str, hue: float, tone_hz: float, directory: Path, token: str | None = None) -> Iterator[None]:
    """Sends H.264 and Opus until the block ends, then deletes the stream. Raises what the muxer raised."""
    options = certificate(directory) | ({"authorization": token} if token else {})
    stop = threading.Event()
    faults: list[BaseException] = []

    def run() -> None:
        try:
            _send(address, options, hue, tone_hz, stop)
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=run, name="whip-muxer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(END_TIMEOUT_S)
        if faults:
            raise faults[0]
        assert not thread.is_alive()


def _send(address: str, options: dict[str, str], hue: float, tone_hz: float, stop: threading.Event) -> None:
    card = np.asarray(cv2.cvtColor(draw(hue, 21, WIDTH, HEIGHT), cv2.COLOR_RGB2YUV_I420), np.uint8)
    with av.open(address, "w", format="whip", options=options) as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "tune": "zerolatency"})
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.gop_size = FPS
        audio = container.add_stream("libopus", rate=48_000, layout="stereo")
        assert isinstance(audio, AudioStream)
        start_s = time.monotonic()
        number = 0
        while not stop.wait(max(0.0, start_s + number / FPS - time.monotonic())):
            picture = VideoFrame.from_ndarray(card, format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(picture))
            phase = 2 * np.pi * tone_hz * (np.arange(SAMPLES) + number * SAMPLES) / 48_000
            samples = np.repeat(np.round(6000 * np.sin(phase)).astype(np.int16), 2)[None]
            sound = AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            sound.sample_rate, sound.pts, sound.time_base = 48_000, number * SAMPLES, Fraction(1, 48_000)
            container.mux(audio.encode(sound))
            number += 1


def certificate(directory: Path) -> dict[str, str]:
    """The muxer wants a P-256 certificate of its user's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whip")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    certificate = builder.sign(key, hashes.SHA256())
    cert_file, key_file = directory / "whip-cert.pem", directory / "whip-key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return {"cert_file": str(cert_file), "key_file": str(key_file)}

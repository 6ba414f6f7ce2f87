"""What a fake camera shows and a fake microphone says, and how to recognise both at the other end.

A camera shows one hue all over, with the frame's number as black and white blocks across the middle; a microphone says
one tone, on and off like syllables, because a browser's noise suppression takes a steady tone for noise. Hues survive
4:2:0, scaling and codecs within ±12°.
"""

import wave
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

CODE_BITS = 6
SYLLABLE_ON_S = 0.30
SYLLABLE_OFF_S = 0.10

Rgb = NDArray[np.uint8]
"""height × width × 3, uint8."""


def draw(hue: float, number: int, width: int = 640, height: int = 360) -> Rgb:
    """The card of one sender, RGB. ``hue`` in degrees, 0 … 360; ``number`` is shown modulo 2**CODE_BITS."""
    hsv = np.empty((height, width, 3), np.uint8)
    hsv[:] = (round(hue / 2) % 180, 200, 190)
    picture = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.uint8)
    top, bottom, edges = _code_grid(width, height)
    for bit in range(CODE_BITS):
        white = number >> (CODE_BITS - 1 - bit) & 1
        picture[top:bottom, edges[bit] : edges[bit + 1]] = 235 if white else 20
    return picture


def write_camera(path: Path, hue: float, *, width: int = 640, height: int = 360, fps: int = 25) -> Path:
    """A y4m of 2**CODE_BITS frames for Chromium's ``--use-file-for-fake-video-capture``, which loops it."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420mpeg2\n".encode())
        for number in range(2**CODE_BITS):
            i420 = cv2.cvtColor(draw(hue, number, width, height), cv2.COLOR_RGB2YUV_I420)
            file.write(b"FRAME\n" + i420.tobytes())
    return path


def write_microphone(path: Path, tone_hz: float, *, seconds: float = 20.0, level: float = 0.3) -> Path:
    """A mono 48 kHz WAV for Chromium's ``--use-file-for-fake-audio-capture``. ``level`` is the peak, 0 … 1."""
    rate_hz = 48_000
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    place = t % (SYLLABLE_ON_S + SYLLABLE_OFF_S)
    ramp_s = 0.01
    envelope = np.clip(np.minimum(place, SYLLABLE_ON_S - place) / ramp_s, 0.0, 1.0)
    samples = np.round(32767 * level * envelope * np.sin(2 * np.pi * tone_hz * t)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return path


def hue_of(picture: Rgb) -> float | None:
    """The hue that most coloured pixels of a region share, in degrees; None when it is grey all over."""
    hsv = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2HSV)
    coloured = (hsv[..., 1] > 90) & (hsv[..., 2] > 60)
    if coloured.mean() < 0.2:
        return None
    angles = np.deg2rad(hsv[..., 0][coloured].astype(np.float64) * 2)
    return float(np.rad2deg(np.arctan2(np.sin(angles).mean(), np.cos(angles).mean())) % 360)


def hue_distance(a: float, b: float) -> float:
    """Degrees between two hues, 0 … 180."""
    return abs((a - b + 180) % 360 - 180)


def code_of(picture: Rgb) -> int:
    """The number in a card's code blocks. ``picture`` is the whole card, at any size, not cropped."""
    height, width = picture.shape[:2]
    top, bottom, edges = _code_grid(width, height)
    band = picture[top:bottom].mean(axis=(0, 2))
    number = 0
    for bit in range(CODE_BITS):
        margin = (edges[bit + 1] - edges[bit]) // 4
        number = number << 1 | int(band[edges[bit] + margin : edges[bit + 1] - margin].mean() > 128)
    return number


def tone_level(samples: NDArray[np.float32], tone_hz: float, rate_hz: int = 48_000) -> float:
    """The amplitude (peak, 0 … 1) of one tone in mono ``samples``. A sine of that pitch gives its own."""
    t = np.arange(len(samples)) / rate_hz
    window = np.hanning(len(samples))
    return float(2 * abs(np.sum(samples * window * np.exp(-2j * np.pi * tone_hz * t))) / window.sum())


def _code_grid(width: int, height: int) -> tuple[int, int, list[int]]:
    edges = [round(width * (0.2 + 0.6 * i / CODE_BITS)) for i in range(CODE_BITS + 1)]
    return round(height * 0.42), round(height * 0.58), edges

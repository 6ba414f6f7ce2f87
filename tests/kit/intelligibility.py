"""How well speech is understood, by a measure listeners have confirmed.

``stoi`` is the short-time objective intelligibility of Taal, Hendriks, Heusdens and Jensen ("An algorithm for
intelligibility prediction of time-frequency weighted noisy speech", 2011): in each third of an octave, how much the
loudness over 384 ms goes up and down as in the clean speech. 1 is the same; at 0.9 nearly every word is understood.
``segmental_snr_db`` compares the waves themselves, 20 ms at a time.
"""

import numpy as np
from numpy.typing import NDArray

from mcu.media.opus import Samples

Floats = NDArray[np.float64]

FRAME, HOP, FFT = 1_229, 614, 2_048
"""25.6 ms and half of it at 48 kHz."""

SEGMENT_FRAMES = 30
LOWEST_HZ, BANDS = 150.0, 15
AUDIBLE_DB = 40.0
"""Frames further below the loudest are pauses and don't count."""

CLIP = 1.0 + 10 ** (15 / 20)
"""A part of the sound that is 15 dB off counts no more than that."""

BLOCK = 9_600
"""Alignment is found for each 0.2 s: a playout moves its delay."""


def aligned(clean: Samples, heard: Samples, most_s: float = 0.3) -> Samples:
    """``heard`` moved in time, piece by piece, to where it is most like ``clean``; as long as that."""
    most = round(most_s * 48_000)
    padded = np.concatenate([heard, np.zeros(max(0, clean.size + most + BLOCK - heard.size), np.int16)])
    out, lag = np.zeros_like(clean), None
    for at in range(0, clean.size - BLOCK + 1, BLOCK):
        low, high = (0, most) if lag is None else (max(0, lag - 1_920), lag + 1_920)
        piece = clean[at : at + BLOCK].astype(float)
        if np.abs(piece).max() > 500:
            around = padded[at + low : at + high + BLOCK].astype(float)
            size = 1 << (around.size + BLOCK).bit_length()
            likeness = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(piece, size)))
            lag = low + int(np.argmax(likeness[: high - low]))
        if lag is not None:
            out[at : at + BLOCK] = padded[at + lag : at + lag + BLOCK]
    return out


def stoi(clean: Samples, heard: Samples) -> float:
    """The intelligibility of ``heard``, 0 to 1. Both at 48 kHz and aligned."""
    first, second = _frames(clean), _frames(heard)
    energy_db = 20 * np.log10(np.linalg.norm(first, axis=1) + 1e-9)
    kept = energy_db > energy_db.max() - AUDIBLE_DB
    ours, theirs = _bands(first[kept]), _bands(second[kept])
    scores = [
        _likeness(ours[end - SEGMENT_FRAMES : end], theirs[end - SEGMENT_FRAMES : end])
        for end in range(SEGMENT_FRAMES, len(ours) + 1)
    ]
    return float(np.mean(scores))


def _frames(samples: Samples) -> Floats:
    count = (samples.size - FRAME) // HOP + 1
    starts = np.arange(count)[:, None] * HOP + np.arange(FRAME)
    windowed: Floats = samples.astype(np.float64)[starts] * np.hanning(FRAME)
    return windowed


def _bands(frames: Floats) -> Floats:
    """The magnitude of each frame in each third of an octave: (frames, bands)."""
    power = np.abs(np.fft.rfft(frames, FFT, axis=1)) ** 2
    hz = np.fft.rfftfreq(FFT, 1 / 48_000)
    centres = LOWEST_HZ * 2.0 ** (np.arange(BANDS) / 3)
    masks = [(hz >= centre / 2 ** (1 / 6)) & (hz < centre * 2 ** (1 / 6)) for centre in centres]
    bands: Floats = np.sqrt(np.stack([power[:, mask].sum(axis=1) for mask in masks], axis=1))
    return bands


def _likeness(clean: Floats, heard: Floats) -> float:
    scale = np.linalg.norm(clean, axis=0) / (np.linalg.norm(heard, axis=0) + 1e-9)
    limited = np.minimum(heard * scale, clean * CLIP)
    ours, theirs = clean - clean.mean(axis=0), limited - limited.mean(axis=0)
    norms = np.linalg.norm(ours, axis=0) * np.linalg.norm(theirs, axis=0) + 1e-9
    return float(np.mean((ours * theirs).sum(axis=0) / norms))


def segmental_snr_db(clean: Samples, heard: Samples) -> float:
    """The mean over 20 ms pieces that are audible of their signal-to-noise ratio, each between −10 and 35 dB."""
    count = clean.size // 960
    ours = clean[: count * 960].astype(np.float64).reshape(count, 960)
    off = ours - heard[: count * 960].astype(np.float64).reshape(count, 960)
    power, error = (ours**2).sum(axis=1), (off**2).sum(axis=1) + 1e-9
    audible = power > power.max() * 10 ** (-AUDIBLE_DB / 10)
    return float(np.mean(np.clip(10 * np.log10(power[audible] / error[audible]), -10, 35)))

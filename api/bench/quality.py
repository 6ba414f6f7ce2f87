"""How near a picture is to what it should show: PSNR and SSIM of the luma."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from api.bench.clips import received
from api.bench.harness import BenchFailed
from mcu.frames import EncodedFrame
from mcu.media.decoder import VideoDecoder
from mcu.media.pictures import picture_of
from mixer.picture import Plane

PEAK: Final = 255.0
C1: Final = (0.01 * PEAK) ** 2
C2: Final = (0.03 * PEAK) ** 2
WINDOW: Final = 11, 11
SIGMA: Final = 1.5
"""Constants of Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment", 2004."""


@dataclass(frozen=True, slots=True)
class Quality:
    """``psnr_db`` from the mean squared error over all pictures, ``ssim`` the mean of theirs."""

    psnr_db: float
    ssim: float


def psnr_db(squared_error: float) -> float:
    return 10 * math.log10(PEAK**2 / max(squared_error, 1e-9))


def squared_error(shown: Plane, wanted: Plane) -> float:
    return float(cv2.norm(shown, wanted, cv2.NORM_L2SQR)) / shown.size


def ssim(shown: Plane, wanted: Plane) -> float:
    """The mean structural similarity of two planes of one shape."""
    one, other = shown.astype(np.float32), wanted.astype(np.float32)

    def blurred(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(image, WINDOW, SIGMA), np.float32)

    mean_one, mean_other = blurred(one), blurred(other)
    variance_one = blurred(one * one) - mean_one**2
    variance_other = blurred(other * other) - mean_other**2
    covariance = blurred(one * other) - mean_one * mean_other
    likeness = (2 * mean_one * mean_other + C1) * (2 * covariance + C2)
    extent = (mean_one**2 + mean_other**2 + C1) * (variance_one + variance_other + C2)
    return float((likeness / extent).mean())


def judge(shown: Iterable[Plane], wanted: Sequence[tuple[int, Plane]]) -> Quality:
    """Compares lumas with some of what they should be, (index, plane) in order. Raises ``BenchFailed`` when there are
    fewer pictures than that.
    """
    errors, likenesses = [], []
    asked = dict(wanted)
    for number, luma in enumerate(shown):
        if number in asked:
            errors.append(squared_error(luma, asked[number]))
            likenesses.append(ssim(luma, asked[number]))
    if len(errors) < len(asked):
        raise BenchFailed(f"only {len(errors)} of {len(asked)} pictures came out of a codec")
    return Quality(psnr_db(float(np.mean(errors))), float(np.mean(likenesses)))


def lumas_of_file(path: Path) -> Iterator[Plane]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield picture_of(frame).y


def lumas_of(frames: Iterable[EncodedFrame]) -> Iterator[Plane]:
    decoder: VideoDecoder | None = None
    for frame in frames:
        decoder = decoder or VideoDecoder(frame.codec)
        shown = decoder.decode(received(frame, 0))
        if shown is not None:
            yield picture_of(shown).y

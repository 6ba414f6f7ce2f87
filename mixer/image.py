"""Still images of a picture, for snapshots and previews. The only place where RGB exists."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mixer.picture import Picture

ImageFormat = Literal["jpg", "png"]

JPEG_QUALITY = 90


def to_bgr(picture: Picture) -> NDArray[np.uint8]:
    """The picture as uint8 BGR of shape (height, width, 3), which OpenCV's functions take. A copy; any thread."""
    height, width = picture.y.shape
    half = -(-height // 2), -(-width // 2)
    planes = np.empty((half[0] * 3, half[1] * 2), np.uint8)
    luma = planes[: half[0] * 2]
    luma[:height, :width] = picture.y
    luma[height:, :width] = picture.y[-1:]
    luma[:, width:] = luma[:, width - 1 : width]
    chroma = planes[half[0] * 2 :].reshape(2, *half)
    chroma[0], chroma[1] = picture.u, picture.v
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)[:height, :width]


def from_bgr(image: NDArray[np.uint8]) -> Picture:
    """A picture from uint8 BGR of shape (height, width, 3); odd sides are allowed. A copy; any thread."""
    height, width = image.shape[:2]
    padded = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    half = -(-height // 2), -(-width // 2)
    planes = np.asarray(cv2.cvtColor(padded, cv2.COLOR_BGR2YUV_I420), np.uint8)
    chroma = planes[half[0] * 2 :].reshape(2, *half)
    return Picture(planes[:height, :width], chroma[0], chroma[1])


def encode_image(picture: Picture, format: ImageFormat) -> bytes:  # noqa: A002 - the word everybody uses for it
    """The picture as a JPEG or PNG file. Some milliseconds at 720p: not for a thread that must keep time.

    Raises:
        ValueError: an unknown format.
    """
    if format not in ("jpg", "png"):
        raise ValueError(f"snapshots are jpg or png, not {format}")
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if format == "jpg" else []
    done, data = cv2.imencode(f".{format}", to_bgr(picture), settings)
    if not done:
        raise ValueError(f"a picture of {picture.width}×{picture.height} could not be written as {format}")
    return data.tobytes()

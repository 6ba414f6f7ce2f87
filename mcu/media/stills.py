"""Images that somebody uploaded, made into what a view wears: backgrounds, logos, avatars.

Each is made no larger than it can ever be shown, so that what a room keeps of them is bounded too.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from mcu.errors import Unprocessable
from mcu.media.image_header import read_header
from mixer.geometry import Size
from mixer.image import from_bgr
from mixer.picture import Picture

Image = NDArray[np.uint8]
"""(height, width, 3) BGR, or (height, width, 4) BGRA with straight alpha."""

MOST_PIXELS = 16_000_000

LARGEST_BACKGROUND = Size(3840, 2160)
"""The largest canvas there is."""

LARGEST_LOGO = Size(1280, 1280)

AVATAR_PX = 320

BEHIND = 0x22
"""The grey that shows through an image which may not be seen through."""


def decode_background(data: bytes) -> Picture:
    """A picture to lie behind everything. Any thread but one that keeps time: up to half a second.

    Raises:
        Unprocessable: no image that this server takes; the message says what to do.
    """
    return from_bgr(_opaque(_within(_decoded(data), LARGEST_BACKGROUND)))


def decode_avatar(data: bytes) -> Picture:
    """The middle square of an image of somebody. Threads and errors as ``decode_background``."""
    image = _decoded(data)
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = np.ascontiguousarray(image[top : top + side, left : left + side])
    return from_bgr(_opaque(_within(middle, Size(AVATAR_PX, AVATAR_PX))))


def decode_logo(data: bytes) -> Image:
    """BGRA of shape (height, width, 4). Threads and errors as ``decode_background``."""
    image = _within(_decoded(data), LARGEST_LOGO)
    return image if image.shape[2] == 4 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), np.uint8)


def _decoded(data: bytes) -> Image:
    try:
        header = read_header(data)
    except ValueError as error:
        raise Unprocessable(str(error)) from None
    if header.width * header.height > MOST_PIXELS:
        millions = MOST_PIXELS // 1_000_000
        raise Unprocessable(
            f"this image has {header.width}×{header.height} pixels: send one of at most {millions} megapixels"
        )
    # Only when colour alone is asked for is a camera's note of how it was held obeyed; and JPEG has no alpha.
    flags = cv2.IMREAD_COLOR if header.kind == "JPEG" else cv2.IMREAD_UNCHANGED
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise Unprocessable(f"this {header.kind} file is damaged or not whole: save the image again and send that")
    if image.dtype == np.uint16:
        image = cv2.convertScaleAbs(image, alpha=1 / 257)
    if image.ndim == 2 or image.shape[2] == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return np.asarray(image, np.uint8)


def _within(image: Image, most: Size) -> Image:
    """The image at the size it has, or smaller. Transparent pixels lend no colour to their neighbours."""
    height, width = image.shape[:2]
    scale = min(most.width / width, most.height / height)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if image.shape[2] == 3:
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    lit = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGBA2mRGBA), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(lit, cv2.COLOR_mRGBA2RGBA), np.uint8)


def _opaque(image: Image) -> Image:
    if image.shape[2] == 3:
        return image
    lit = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGBA2mRGBA), cv2.COLOR_BGRA2BGR)
    clear = cv2.bitwise_not(np.ascontiguousarray(image[..., 3]))
    behind = cv2.cvtColor(cv2.convertScaleAbs(clear, alpha=BEHIND / 255), cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.add(lit, behind), np.uint8)

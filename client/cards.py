"""A test card: who sends it (a hue), which picture it is (a moving code) and a name, drawn to survive a small tile.

The code is two rows of ten black or white blocks, most significant bit first: 4 bits of ``sender``, 12 bits of the
picture's index, 4 bits of checksum. In a tile of 320×180 px a block is 25×23 px, which every codec keeps. Everything a
reader needs to find them is the constants of this file, in fractions of the card.
"""

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

ROWS, COLUMNS = 2, 10
COUNTER_BITS, CHECK_BITS = 12, 4
BLACK, WHITE = 24, 232

Plane = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Band:
    """A box in fractions of a card's width and height."""

    left: float
    top: float
    right: float
    bottom: float

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """(left, top, right, bottom), rounded outwards to even numbers: 4:2:0 wants whole chroma samples."""
        return (
            int(self.left * width) // 2 * 2,
            int(self.top * height) // 2 * 2,
            -(-int(self.right * width) // 2) * 2,
            -(-int(self.bottom * height) // 2) * 2,
        )


HUE_BAND = Band(0.10, 0.08, 0.90, 0.22)
"""Nothing but the background, whatever else the card shows."""
CODE_BAND = Band(0.10, 0.27, 0.90, 0.53)
NAME_BAND = Band(0.10, 0.57, 0.90, 0.73)
MOVING_BAND = Band(0.10, 0.77, 0.90, 0.87)


def code_word(sender: int, index: int) -> int:
    """The 20 bits a card shows: sender (4), index modulo 4096 (12), checksum (4)."""
    value = (sender & 0xF) << COUNTER_BITS | index & 0xFFF
    return value << CHECK_BITS | checksum(value)


def checksum(value: int) -> int:
    """CRC-4-ITU (polynomial x⁴ + x + 1) of 16 bits, begun at 0xF so that a blank card doesn't pass."""
    crc = 0xF
    for shift in range(15, -1, -1):
        crc = (crc << 1 | (value >> shift & 1) ^ (crc >> 3)) & 0x1F
        crc = (crc ^ 0x2 if crc & 1 else crc) & 0xF
    return crc


class TestCard:
    """A video source: a solid ``hue`` (degrees), a moving code, a sliding block and ``name`` in any script."""

    __test__ = False  # not a test class, whatever pytest reads into its name

    def __init__(
        self, hue: float, sender: int = 0, name: str = "", width: int = 640, height: int = 360, fps: int = 20
    ) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"4:2:0 wants even sizes, not {width}×{height}")
        self._fps = fps
        self._sender = sender
        self._width, self._height = width, height
        self._card = _background(hue, width, height)
        left, top, right, bottom = CODE_BAND.pixels(width, height)
        pad = max(2, height // 60 * 2)
        _fill(self._card, self._height, (left - pad, top - pad, right + pad, bottom + pad), 128)
        if name:
            _write(self._card, name, NAME_BAND.pixels(width, height))

    @property
    def fps(self) -> int:
        return self._fps

    async def picture(self, index: int) -> VideoFrame:
        return VideoFrame.from_ndarray(self.draw(index), format="yuv420p")

    def draw(self, index: int) -> Plane:
        """The I420 planes of picture ``index``, (height × 3/2, width) uint8; a fresh array."""
        card = self._card.copy()
        self._draw_code(card, code_word(self._sender, index))
        left, top, right, bottom = MOVING_BAND.pixels(self._width, self._height)
        side = bottom - top
        span = right - left - side
        swing = index * 4 % (2 * span)
        x = left + min(swing, 2 * span - swing) // 2 * 2
        _fill(card, self._height, (x, top, x + side, bottom), 232)
        return card

    def _draw_code(self, card: Plane, word: int) -> None:
        left, top, right, bottom = CODE_BAND.pixels(self._width, self._height)
        bits = np.array([word >> shift & 1 for shift in range(ROWS * COLUMNS - 1, -1, -1)]).reshape(ROWS, COLUMNS)
        blocks = np.where(bits, WHITE, BLACK).astype(np.uint8)
        card[top:bottom, left:right] = cv2.resize(blocks, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)


def _background(hue: float, width: int, height: int) -> Plane:
    """I420 planes in one colour: BT.601, limited range."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 360.0 / 360.0, 0.75, 0.80)
    luma = 16 + 65.481 * red + 128.553 * green + 24.966 * blue
    planes = np.full((height * 3 // 2, width), round(luma), np.uint8)
    chroma = planes[height:].reshape(2, -1)
    chroma[0] = round(128 - 37.797 * red - 74.203 * green + 112.0 * blue)
    chroma[1] = round(128 + 112.0 * red - 93.786 * green - 18.214 * blue)
    return planes


def _fill(planes: Plane, height: int, box: tuple[int, int, int, int], luma: int) -> None:
    """Paints an even-aligned box in grey."""
    left, top, right, bottom = box
    width = planes.shape[1]
    planes[top:bottom, left:right] = luma
    for chroma in planes[height:].reshape(2, height // 2, width // 2):
        chroma[top // 2 : bottom // 2, left // 2 : right // 2] = 128


def _write(planes: Plane, text: str, box: tuple[int, int, int, int]) -> None:
    """White text centred in the box, made smaller until it fits. OpenCV's own font knows most scripts."""
    left, top, right, bottom = box
    font = cv2.FontFace("uni")
    size = (bottom - top) * 3 // 4
    while size > 8:
        _, _, text_width, _ = cv2.getTextSize((0, 0), text, (0, 0), font, size)
        if text_width <= right - left:
            break
        size -= 2
    luma = np.zeros((bottom - top, right - left), np.uint8)
    origin = ((right - left - text_width) // 2, (bottom - top + size * 2 // 3) // 2)
    cv2.putText(luma, text, origin, (255,), font, size)
    field = planes[top:bottom, left:right]
    weight = luma.astype(np.uint16)
    field[:] = ((field * (255 - weight) + 235 * weight) // 255).astype(np.uint8)

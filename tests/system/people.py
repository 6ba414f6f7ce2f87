"""Who meets in the system tests: each with a hue, a moving code and a tone of their own, in a browser or in Python."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from client.cards import TestCard
from client.sources import Beep, Sound, Tone
from mcu.protocol.models import TileInfo
from tests.kit.cards import CardReading, Rgb, crop, hue_distance, read_card
from tests.kit.testcard import write_microphone
from tests.kit.tones import tone_dbfs

BEEP_HZ = 1770.0
FLASH_PICTURES = 3
WIDTH, HEIGHT, FPS = 320, 180, 15
PIECE_SAMPLES = 2400
HUE_TOLERANCE = 20.0
OWN_VOICE_DB = 20.0
"""How far below the quietest other voice one's own must stay: what leaks there is coding noise."""


@dataclass(frozen=True, slots=True)
class Person:
    """``sender`` is the number in the card's code; tones are not harmonics of each other."""

    name: str
    sender: int
    hue: float
    tone_hz: float

    @property
    def card(self) -> TestCard:
        return TestCard(self.hue, self.sender, self.name, WIDTH, HEIGHT, FPS)

    def is_in(self, picture: Rgb, tile: TileInfo) -> CardReading | None:
        """Their card, when it is what the tile shows."""
        reading = read_card(crop(picture, tile.box))
        if reading is None or reading.sender != self.sender or hue_distance(reading.hue, self.hue) > HUE_TOLERANCE:
            return None
        return reading

    def write_camera(self, path: Path) -> Path:
        """A y4m of the card for Chromium, as long as the counter needs to be seen moving."""
        card = self.card
        with path.open("wb") as file:
            file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420mpeg2\n".encode())
            for index in range(8 * FPS):
                file.write(b"FRAME\n" + card.draw(index).tobytes())
        return path

    def write_microphone(self, path: Path) -> Path:
        return write_microphone(path, self.tone_hz, level=0.1)


ADA = Person("Ada", 1, 0.0, 410.0)
BO = Person("Bo", 2, 120.0, 630.0)
CHLOE = Person("Chloé", 3, 220.0, 870.0)
DAE = Person("대현", 4, 290.0, 1130.0)
EVERYBODY = (ADA, BO, CHLOE, DAE)


class FlashingCard:
    """A card that turns white for a moment at every full second."""

    def __init__(self, person: Person) -> None:
        self._card = person.card

    @property
    def fps(self) -> int:
        return FPS

    async def picture(self, index: int) -> VideoFrame:
        planes = self._card.draw(index)
        if index % FPS < FLASH_PICTURES:
            planes[:HEIGHT] = 235
            planes[HEIGHT:] = 128
        return VideoFrame.from_ndarray(planes, format="yuv420p")


class BeepingTone:
    """A steady tone, and a beep from every full second on."""

    def __init__(self, person: Person) -> None:
        self._tone = Tone(person.tone_hz, 0.1)
        self._beep = Beep(BEEP_HZ, 0.3)

    async def sound(self, index: int) -> Sound:
        both: Sound = await self._tone.sound(index) + await self._beep.sound(index)
        return both


def voices(samples: Sound) -> dict[str, float]:
    """How loud everybody's tone is in some sound, in dBFS: the median over pieces of 50 ms, which don't mind that a
    playout plays half a per cent faster for a while.
    """
    pieces = samples[: len(samples) // PIECE_SAMPLES * PIECE_SAMPLES].reshape(-1, PIECE_SAMPLES)
    return {p.name: float(np.median([tone_dbfs(piece, p.tone_hz) for piece in pieces])) for p in EVERYBODY}


def hears_all_but(samples: Sound, listener: Person) -> bool:
    """The others are there, and one's own voice is at least 20 dB below each of them."""
    levels = voices(samples)
    own = levels.pop(listener.name)
    return min(levels.values()) > -50.0 and own < min(levels.values()) - OWN_VOICE_DB


def as_int16(samples: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> Sound:
    whole: Sound = np.round(samples * 32767).astype(np.int16)
    return whole

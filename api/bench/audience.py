"""A viewer who looks and listens for real: keeps what comes, and decodes it when the measuring is over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np

from api.bench.harness import BenchFailed
from api.bench.light import LightPeer
from api.bench.stage import Sent, tone_hz
from api.bench.timecode import Luma, read_code
from mcu.frames import AUDIO_CLOCK_HZ, AudioPacket, ReceivedFrame
from mcu.media.decoder import VideoDecoder
from mcu.media.opus import OpusDecoder
from mcu.media.pictures import picture_of
from mcu.protocol.wire import EventMessage
from mixer.geometry import Box, Size

MAX_KEPT: Final = 10_000
PIECE: Final = 4800
"""Samples that are listened to at once: what is played faster or slower now and then keeps no phase for longer."""


@dataclass(slots=True)
class Viewer:
    """``watch`` it, then ask. Assign ``on_event`` as that of its socket."""

    frames: list[ReceivedFrame] = field(default_factory=list)
    sounds: list[AudioPacket] = field(default_factory=list)
    boxes: dict[str, Box] = field(default_factory=dict)
    canvas: Size | None = None
    counting_from: int = 0
    measuring: bool = False
    """Before, nothing older than the last keyframe is kept: a room may take minutes to grow."""

    def watch(self, peer: LightPeer) -> None:
        peer.on_frame, peer.on_sound = self._frame, self._sound

    def on_event(self, event: EventMessage) -> None:
        if event.type == "tiles":
            canvas = event.data.get("canvas")
            self.canvas = None if canvas is None else Size(canvas["width"], canvas["height"])
            self.boxes = {tile["participant"]: _box(tile["box"]) for tile in event.data["tiles"]}

    def reset(self) -> None:
        """Begins to measure. The frames since the last keyframe are kept: what comes can't be decoded without."""
        keyframes = [number for number, frame in enumerate(self.frames) if frame.keyframe]
        del self.frames[: keyframes[-1] if keyframes else 0]
        self.counting_from = len(self.frames)
        self.sounds.clear()
        self.measuring = True

    def rest(self) -> None:
        """What was measured has been read."""
        self.measuring = False
        self.sounds.clear()

    def _frame(self, frame: ReceivedFrame) -> None:
        if frame.keyframe and not self.measuring:
            self.frames.clear()
        if len(self.frames) < MAX_KEPT:
            self.frames.append(frame)

    def _sound(self, packet: AudioPacket) -> None:
        if self.measuring and len(self.sounds) < MAX_KEPT:
            self.sounds.append(packet)

    @property
    def pictures(self) -> int:
        """Composites that have arrived since ``reset``."""
        return len(self.frames) - self.counting_from

    @property
    def longest_gap_ns(self) -> int:
        """Between two packets of sound."""
        times_ns = [packet.arrived_ns for packet in self.sounds]
        return max((after - before for before, after in pairwise(times_ns)), default=0)

    def delays_ms(self, actors: Mapping[str, Sent]) -> list[float]:
        """How old each picture in each tile was when the composite that was first to show it had arrived; nothing of a
        tile in which nothing can be read. Raises ``BenchFailed`` when a tile shows somebody else.
        """
        decoder = VideoDecoder("VP8")
        delays: list[float] = []
        last: dict[str, int] = {}
        own: set[str] = set()
        others: set[str] = set()
        for number, frame in enumerate(self.frames):
            shown = decoder.decode(frame)
            if shown is None or number < self.counting_from:
                continue
            luma = self._at_full_size(picture_of(shown).y)
            for who, sent in actors.items():
                code = read_code(luma, self.boxes[who]) if who in self.boxes else None
                if code is None:
                    continue
                (own if code.camera == sent.camera else others).add(who)
                if code.camera != sent.camera:
                    continue
                if last.get(who) != code.number:
                    last[who] = code.number
                    age_ms = sent.age_ms(code.number, frame.arrived_ns)
                    delays += [] if age_ms is None else [age_ms]
        if others - own:
            raise BenchFailed(f"tiles that show somebody else: {sorted(others - own)}")
        return delays

    def _at_full_size(self, luma: Luma) -> Luma:
        """Of a picture in a lower tier, as large as the canvas: tiles are told in its pixels."""
        size = self.canvas
        if size is None or luma.shape == (size.height, size.width):
            return luma
        return np.asarray(cv2.resize(luma, (size.width, size.height)), np.uint8)

    def levels(self, voices: int) -> list[float]:
        """How loud each of the voices' tones is, 0 to 1."""
        if not self.sounds:
            raise BenchFailed("no sound arrived")
        decoder = OpusDecoder()
        pcm = np.concatenate([decoder.decode(packet.payload) for packet in self.sounds]).astype(np.float64) / 32768
        pieces = pcm[: len(pcm) // PIECE * PIECE].reshape(-1, PIECE) * np.hanning(PIECE)
        at = np.arange(PIECE) / AUDIO_CLOCK_HZ
        waves = [np.exp(-2j * np.pi * tone_hz(voice) * at) for voice in range(voices)]
        return [float(4 * np.abs(pieces @ wave).mean() / PIECE) for wave in waves]


@dataclass(slots=True)
class Onlooker:
    """A viewer who only counts what comes."""

    pictures: int = 0
    longest_gap_ns: int = 0
    _heard_ns: int | None = None

    def watch(self, peer: LightPeer) -> None:
        peer.on_frame, peer.on_sound = self._frame, self._sound

    def on_event(self, event: EventMessage) -> None:
        """What is told is for those who look closely."""

    def reset(self) -> None:
        self.pictures = self.longest_gap_ns = 0
        self._heard_ns = None

    def _frame(self, _: ReceivedFrame) -> None:
        self.pictures += 1

    def _sound(self, packet: AudioPacket) -> None:
        if self._heard_ns is not None:
            self.longest_gap_ns = max(self.longest_gap_ns, packet.arrived_ns - self._heard_ns)
        self._heard_ns = packet.arrived_ns


def _box(box: Mapping[str, Any]) -> Box:
    return Box(box["x"], box["y"], box["width"], box["height"])

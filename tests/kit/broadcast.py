"""A flash and a beep together once a second, as a hub's frames and a mixer's sound: what a recorder is fed."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, SAMPLES_PER_TICK, EncodedFrame
from mcu.media.encoding import VideoEncoder
from mixer.canvas import Canvas
from mixer.geometry import Size
from tests.kit.moving import FPS, SMALL, TICK_NS

SOUND_TICK_NS = 20 * NS_PER_MS
BEEP_HZ = 997
FLASH_NS = 120 * NS_PER_MS
"""Flash and beep start with each whole second of room time and last this long."""


def broadcast_frames(
    ticks: int, start_ns: int = 0, keyframe_every: int = 50, size: Size = SMALL
) -> Iterator[EncodedFrame]:
    """H.264 at 25 a second from room time ``start_ns`` on; the first is a keyframe."""
    encoder = VideoEncoder("H264", size.width, size.height, FPS, 300_000)
    canvas = Canvas(size)
    for tick in range(ticks):
        time_ns = start_ns + tick * TICK_NS
        canvas.fill((220 if time_ns % NS_PER_S < FLASH_NS else 40, 128, 128))
        canvas.picture.y[:8, tick * 4 % size.width :][:, :4] = 120
        frame = encoder.encode(canvas, time_ns, keyframe=tick % keyframe_every == 0)
        assert frame is not None
        yield frame


def broadcast_sound(time_ns: int) -> NDArray[np.int16]:
    """The 960 samples that sound from room time ``time_ns`` on."""
    samples = time_ns * AUDIO_CLOCK_HZ // NS_PER_S + np.arange(SAMPLES_PER_TICK)
    loud = samples % AUDIO_CLOCK_HZ < FLASH_NS * AUDIO_CLOCK_HZ // NS_PER_S
    tone = np.sin(samples % AUDIO_CLOCK_HZ * (2 * np.pi * BEEP_HZ / AUDIO_CLOCK_HZ)) * 9000
    block: NDArray[np.int16] = np.where(loud, tone, 0).astype(np.int16)
    return block

"""Noise suppression: takes fans, streets and hiss out of each voice, by WebRTC's own suppressor.

Needs the extra ``noise``. A suppressor is a voice's own and learns its noise; it holds back 7 ms of sound, which is
handed out as one more chunk when the voice ends.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mcu.errors import Unprocessable
from mcu.frames import AUDIO_CLOCK_HZ, SAMPLES_PER_TICK
from mcu.room.voices import Heard

LEVEL: Final = 2
"""Of 0 to 3. Measured on speech in white noise: 14 dB of it go, 0.3 dB of the speech; 3 takes 1.5 dB more."""

_SILENCE: Final = np.zeros(SAMPLES_PER_TICK, np.int16)


class _Suppressor(Protocol):
    def process(self, audio: NDArray[np.int16]) -> NDArray[np.int16]: ...


class NoiseSuppression:
    """The suppressors of a room. Made anywhere, used on the sound thread. Raises Unprocessable without the extra."""

    def __init__(self) -> None:
        try:
            from pywebrtc_audio import NoiseSuppressor
        except ImportError:
            raise Unprocessable(
                "noise suppression isn't installed on this server: pip install 'mosaic-mcu[noise]'",
                field="noise_suppression",
            ) from None
        self._new: Callable[[], _Suppressor] = lambda: NoiseSuppressor(AUDIO_CLOCK_HZ, 1, LEVEL)
        self._suppressors: dict[str, _Suppressor] = {}
        self._gains: dict[str, float] = {}

    def clean(self, heard: Heard, present: Collection[str], spared: Collection[str] = ()) -> Heard:
        """The tick with its voices cleaned, but for ``spared`` ones. Who is not ``present`` any more is forgotten."""
        voices = {**{who: _SILENCE for who in self._gains if who in present}, **heard.inputs}
        gains = {who: heard.gains.get(who, self._gains.get(who, 1.0)) for who in voices}
        self._suppressors = {who: one for who, one in self._suppressors.items() if who in present}
        inputs = {who: chunk if who in spared else self._of(who).process(chunk) for who, chunk in voices.items()}
        self._gains = {who: gains[who] for who in heard.inputs if who not in spared}
        return replace(heard, inputs=inputs, gains=gains)

    def _of(self, who: str) -> _Suppressor:
        if who not in self._suppressors:
            self._suppressors[who] = self._new()
        return self._suppressors[who]

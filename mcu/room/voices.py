"""Who is heard in a tick: everybody's microphone in, the samples that enter the mix and everybody's level out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcu.room.snapshot import SoundInput
from mixer.levels import SILENT, dbov


@dataclass(frozen=True, slots=True)
class Heard:
    """One tick. ``inputs``: a chunk of int16 (960,) of each who contributes; ``gains``: their factors.
    ``levels_dbov`` has everybody who is present, 127 for those who send nothing or are muted.
    """

    inputs: Mapping[str, NDArray[np.int16]]
    gains: Mapping[str, float]
    levels_dbov: Mapping[str, float]


class Voices:
    """Everybody's voice, tick by tick. Belongs to the sound thread."""

    def collect(self, sounds: tuple[SoundInput, ...], time_ns: int) -> Heard:
        """What is heard in the 20 ms that begin at ``time_ns``, room time."""
        inputs: dict[str, NDArray[np.int16]] = {}
        gains: dict[str, float] = {}
        levels: dict[str, float] = {}
        for source in sounds:
            pcm = source.playout.pull(time_ns)
            levels[source.participant] = float(SILENT)
            if pcm is not None and source.heard:
                inputs[source.participant] = pcm
                gains[source.participant] = source.gain
                levels[source.participant] = dbov(pcm)
        return Heard(inputs, gains, levels)

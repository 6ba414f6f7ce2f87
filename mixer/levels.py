"""How loud a chunk is.

Two scales, both in decibels below the loudest there is, are in use: dBov measures against a square wave of full scale
(RFC 6464, RFC 6465), dBFS against a sine of full scale (AES17), which is 3.01 dB quieter.
"""

import math

import numpy as np
from numpy.typing import NDArray

SILENT = 127
"""The level of silence in RFC 6464: 127 dB or more below the overload point."""

_FULL_SCALE = 32_767.0
_SINE_DB = 10 * math.log10(2)


def dbov(samples: NDArray[np.int16]) -> float:
    """The root mean square of int16 ``samples`` in dBov: 0 at most, −127 for silence and for no samples."""
    if not samples.size:
        return float(-SILENT)
    floats = samples.astype(np.float32)
    power = float(np.dot(floats, floats)) / samples.size / _FULL_SCALE**2
    if power <= 0.0:
        return float(-SILENT)
    return min(0.0, max(float(-SILENT), 10 * math.log10(power)))


def dbfs(samples: NDArray[np.int16]) -> float:
    """The same on the scale where a sine of full scale is 0 dBFS (AES17); never below −127."""
    return max(float(-SILENT), dbov(samples) + _SINE_DB)


def level(samples: NDArray[np.int16]) -> int:
    """The RFC 6464 level of ``samples``: 0 loud … 127 silent."""
    return rfc6464(dbov(samples))


def rfc6464(level_dbov: float) -> int:
    """A level in dBov (0 … −127) as the magnitude RFC 6464 sends: 0 … 127, to the nearest."""
    return min(SILENT, max(0, round(-level_dbov)))

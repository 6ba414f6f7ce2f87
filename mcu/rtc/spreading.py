"""The key frame of a crowd, spread over the time in which it may be sent.

A key frame for a hundred viewers is some five thousand packets. Sent as fast as a processor can, they come several
times faster than a network card of 1 Gbit/s takes them, and queues on the way drop what is too much: of a key frame,
which everybody needs. So the fan-out rests now and then between two viewers.
"""

import time
from collections.abc import Callable
from typing import Final

MIN_STEP_OCTETS: Final = 128 * 1024
"""A millisecond of 1 Gbit/s: queues hold that much at once."""
MAX_RESTS: Final = 10
REST_S: Final = 0.001
"""All rests together take a quarter of a picture's time at 25 a second: the next picture is not late."""


class Spread:
    """One frame on its way to ``viewers``, ``octets`` to each. Belongs to the thread that sends; ``rest`` is how it
    waits.
    """

    def __init__(self, viewers: int, octets: int, rest: Callable[[float], None] = time.sleep) -> None:
        self._octets = octets
        self._step = max(MIN_STEP_OCTETS, viewers * octets // MAX_RESTS)
        self._rest = rest
        self._burst = 0

    def sent(self) -> None:
        """After each viewer, without any lock: rests when enough went out at once."""
        self._burst += self._octets
        if self._burst >= self._step:
            self._burst = 0
            self._rest(REST_S)

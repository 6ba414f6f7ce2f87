"""What somebody is shown first who comes between two key frames: all frames since the last one, at once.

A hub makes key frames half a second apart at least, for each costs everybody's picture its bits. Whoever comes
meanwhile would see nothing until the next one; with the frames since the last one they see what everybody sees, and it
costs nobody else anything.
"""

from typing import Final, NamedTuple

MAX_PACKETS: Final = 120
"""144 KB, as much as the largest key frames burst anyway: of 720p at 1.5 Mbit/s they have 40 to 115 packets, and with
the ten frames after them 95 to 260. More at once may be more than a path, or a receiver's buffer, holds.
"""
STEP: Final = 90
"""A millisecond of RTP time between frames that are sent at once: receivers then show the last one without a wait."""


class Kept(NamedTuple):
    """A frame as it was sent; ``first`` is the number of its first packet."""

    first: int
    payloads: list[bytes]


class Opening:
    """The frames of one hub since its last key frame. Belongs to the hub's thread."""

    def __init__(self) -> None:
        self._frames: list[Kept] = []
        self._packets = 0

    def keep(self, first: int, payloads: list[bytes], *, keyframe: bool) -> None:
        """After a frame has been sent. Beyond the bound nothing is kept until the next key frame."""
        if keyframe:
            self._frames.clear()
            self._packets = 0
        elif not self._frames:
            return
        self._packets += len(payloads)
        if self._packets > MAX_PACKETS:
            self._frames.clear()
        else:
            self._frames.append(Kept(first, payloads))

    def frames(self, timestamp: int) -> list[tuple[Kept, int]]:
        """The frames with the RTP times under which they go right before one of ``timestamp``; none: there is nothing
        to begin with.
        """
        count = len(self._frames)
        return [(kept, timestamp - (count - at) * STEP & 0xFFFF_FFFF) for at, kept in enumerate(self._frames)]

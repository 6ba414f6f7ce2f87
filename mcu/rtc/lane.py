"""One SSRC's way to one viewer: its keys, its running sequence, and who feeds it now."""

import threading
from typing import Protocol

from mcu.rtc.srtp import Protector, SrtpKeys

_HALF = 0x7FFF


class Source(Protocol):
    """A fan-out, as a lane sees it."""

    @property
    def lag_ns(self) -> int:
        """How much later than it was captured, which its stamps tell, what it sends belongs: a voice waits in its
        playout before it is in the mix. 0 of what is stamped as it is mixed. Any thread.
        """
        ...

    def forget(self, lane: "Lane") -> None:
        """Takes the lane off the list of those it feeds. Any thread."""
        ...


class Lane:
    """State that a fan-out's thread and the event loop share. Hold ``lock`` for whatever is below it.

    ``source`` feeds the lane; ``awaited`` will, from its next key frame on. Both may be set: a viewer who changes hub
    sees the old one until the new one begins. Sequence numbers are counted without wrapping; ``offset`` leads from the
    source's to the lane's, so that what a viewer receives has no leap when its source changes. The protector belongs
    to the lane and not to the source: roll-overs go on, and no nonce is used twice. Whoever sends moves ``next``,
    ``packets`` and ``octets`` on. ``repeats``: packets are sent again as they were.
    """

    def __init__(self, keys: SrtpKeys, payload_type: int, *, repeats: bool = False) -> None:
        self.lock = threading.Lock()
        self.payload_type = payload_type
        self.ssrc: int | None = None
        """None: the room's, of its kind."""
        self.protector = Protector(keys, repeats=repeats)
        self.source: Source | None = None
        self.awaited: Source | None = None
        self.offset = 0
        self.joined = 0
        self.next = -1
        self.packets = 0
        self.octets = 0
        self.failures = 0
        self.closed = False

    def begin(self, source: Source, first_sequence: int) -> Source | None:
        """Makes ``source`` the one that feeds the lane, from its packet ``first_sequence`` on; the former one.

        A lane begins in the lower half of the 16 bits: a receiver who loses the packets around a first wrap could not
        know of it (RFC 3711, 3.3.1), and would refuse everything afterwards. Where the source's own number is there,
        it is taken as it is, and the packets need no change.
        """
        if self.next < 0:
            self.next = first_sequence & _HALF
        former, self.source = self.source, source
        if self.awaited is source:
            self.awaited = None
        self.joined = self.next
        self.offset = self.next - first_sequence
        return former if former is not source else None

    def detach(self, source: Source) -> None:
        """Afterwards ``source`` neither feeds the lane nor is awaited; waits for a send in progress. Event loop."""
        with self.lock:
            if self.source is source:
                self.source = None
            if self.awaited is source:
                self.awaited = None

    def close(self) -> None:
        """Frees the keys; waits for a send in progress. Idempotent. Event loop."""
        with self.lock:
            self.closed = True
            sources = {self.source, self.awaited}
            self.source = self.awaited = None
            self.protector.close()
        for source in sources:
            if source is not None:
                source.forget(self)

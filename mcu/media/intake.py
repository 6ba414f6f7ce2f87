"""Which packets belong to the stream that is played, and which are strays."""

from mcu.frames import AudioPacket
from mcu.media.arrival import MAX_TRANSIT_STEP_NS, Arrivals, samples_ns
from mcu.media.reorder import ReorderWindow, sequence_step
from mixer.timeline import RtpUnwrapper

CONFIRMING_STEP = 5
"""How close the packet after a strange one has to follow it to confirm that the sender began anew."""


class Intake:
    """Puts the packets of one stream into ``window`` and their transits into ``arrivals``. One thread.

    ``received``, ``late``, ``strays`` and ``renewals`` (the sender began anew) are counts.
    """

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        self.window = ReorderWindow()
        self.received = self.late = self.strays = self.renewals = 0
        # Steps of any size are followed here: what is too far is for the arrivals to say.
        self._unwrapper = RtpUnwrapper(max_step=0x8000_0000)
        self._ssrc: int | None = None
        self._stray: AudioPacket | None = None

    def admit(self, packet: AudioPacket) -> bool:
        """Lets a packet in if it continues the stream. One that doesn't, waits for its successor: a single strange
        packet interrupts nothing, two in a row begin the stream anew. True when it began with this packet.
        """
        self.received += 1
        if self._continues(packet):
            self._insert(packet)
            return False
        if self._ssrc is None:
            self._begin(packet)
        else:
            stray, self._stray = self._stray, packet
            if stray is None or not _confirms(stray, packet):
                self.strays += 1
                return False
            self.strays -= 1  # the first of the two was counted before it was believed
            self.renewals += 1
            self._begin(stray)
            self._insert(stray)
        self._insert(packet)
        return True

    def _continues(self, packet: AudioPacket) -> bool:
        if packet.ssrc != self._ssrc or not self.window.fits(packet.sequence_number):
            return False
        rtp = self._unwrapper.peek(packet.rtp_timestamp)
        return rtp is not None and self.arrivals.plausible(rtp, packet.arrived_ns)

    def _begin(self, packet: AudioPacket) -> None:
        rtp = self._unwrapper.unwrap(packet.rtp_timestamp)
        if packet.ssrc != self._ssrc or not self.arrivals.plausible(rtp, packet.arrived_ns):
            self.arrivals.clear()
        self._ssrc = packet.ssrc
        self._stray = None
        self.window.begin(packet.sequence_number)

    def _insert(self, packet: AudioPacket) -> None:
        rtp = self._unwrapper.unwrap(packet.rtp_timestamp)
        self.arrivals.arrived(rtp, packet.arrived_ns)
        if not self.window.put(packet, rtp):
            self.late += 1


def _confirms(stray: AudioPacket, packet: AudioPacket) -> bool:
    """Whether two packets that don't continue the stream continue each other."""
    samples = ((packet.rtp_timestamp - stray.rtp_timestamp + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
    between_ns = packet.arrived_ns - stray.arrived_ns
    return (
        packet.ssrc == stray.ssrc
        and 0 < sequence_step(packet.sequence_number, stray.sequence_number) <= CONFIRMING_STEP
        and abs(samples_ns(samples) - between_ns) <= MAX_TRANSIT_STEP_NS
    )

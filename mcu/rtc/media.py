"""The media of a connection once it stands: a receiver, a downlink, and the rhythm between them."""

from collections.abc import Callable, Sequence

from structlog.typing import FilteringBoundLogger

from mcu.clock import NS_PER_S, Clock
from mcu.rtc.binding import IcePath
from mcu.rtc.listener import Negotiated, OutgoingIdentity, PeerListener
from mcu.rtc.receiver import Receiver, ReceiverStatistics
from mcu.rtc.sender import Downlink
from mcu.rtc.srtp import SrtpKeys, Unprotector
from mcu.rtc.streams import StreamLanes

REPORT_INTERVAL_NS = NS_PER_S
REST_NS = NS_PER_S // 10
"""How long nothing need be asked for where no video comes in: there is nothing to repair."""
MAX_FAULTS_LOGGED = 5


class MediaSession:
    """Receives for ``listener`` and sends through ``downlink``, over the path that ICE has chosen.

    ``datagram`` and ``tick`` are the event loop's. ``last_packet_ns`` is the monotonic time of the last RTP or RTCP.
    """

    def __init__(
        self,
        keys: SrtpKeys,
        negotiated: Negotiated,
        path: IcePath,
        identity: OutgoingIdentity,
        listener: PeerListener,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        epoch_ns: int,
        on_stream_keyframe: Callable[[int], None] = lambda ssrc: None,
    ) -> None:
        self.downlink = Downlink(
            negotiated, keys, path.fileno(), path.remote_address, identity, clock, epoch_ns=epoch_ns
        )
        self.streams = StreamLanes(negotiated, keys, identity)
        self.downlink.further = tuple(self.streams)
        self.receiver = Receiver(
            Unprotector(keys),
            negotiated,
            listener,
            clock,
            identity=identity,
            on_nack=self._on_nack,
            on_stream_nack=self._on_stream_nack,
            on_stream_keyframe=on_stream_keyframe,
        )
        self.faults = 0
        """Datagrams that made our own code throw."""
        self._path = path
        self._clock = clock
        self._log = log
        self._report_ns = clock.now_ns()

    def datagram(self, data: bytes) -> None:
        """RTP or RTCP of the validated remote side, in the datagram callback."""
        try:
            self.receiver.datagram(data)
            if self.receiver.due:
                self._repair(self._clock.now_ns())
        except Exception as error:
            # The boundary to what came from the network: a datagram costs itself, and the first ones are told in full.
            self.faults += 1
            if self.faults <= MAX_FAULTS_LOGGED:
                self._log.error("packet_failed", exc_info=error)

    @property
    def last_packet_ns(self) -> int | None:
        return self.receiver.last_packet_ns

    def tick(self, now_ns: int, path: IcePath | None) -> int | None:
        """Asks for what is missing; once a second reports, and turns to the path that ICE names now. The time until
        which nothing else is due; None where it may be at any time.

        ICE may choose another pair at any time (Wi-Fi to mobile, IPv6 to IPv4).
        """
        self._repair(now_ns)
        rests_until_ns = None if self.receiver.sees else now_ns + REST_NS
        if now_ns < self._report_ns:
            return rests_until_ns
        self._report_ns = now_ns + REPORT_INTERVAL_NS
        if path is not None and path != self._path:
            self._path = path
            self.downlink.repoint(path.fileno(), path.remote_address)
        self.downlink.send_rtcp(self.downlink.sender_report(now_ns) + self.receiver.report(now_ns))
        return rests_until_ns

    def _repair(self, now_ns: int) -> None:
        packet = self.receiver.poll(now_ns)
        if packet is not None:
            self.downlink.send_rtcp(packet)

    def _on_nack(self, sequence_numbers: Sequence[int]) -> None:
        self.downlink.retransmit(sequence_numbers)

    def _on_stream_nack(self, ssrc: int, sequence_numbers: Sequence[int]) -> None:
        lane = self.streams.find(ssrc)
        if lane is not None:
            self.downlink.retransmit(sequence_numbers, lane)

    def close(self) -> ReceiverStatistics:
        """Frees keys and socket; the last reading. Idempotent."""
        self.receiver.close()
        self.downlink.close()
        return self.receiver.statistics

"""One peer's datagrams in, frames and sound out: straight from the datagram callback, no task and no queue a packet.

Runs on the event loop only. What is wrong with a datagram costs that datagram and a count.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mcu.clock import NS_PER_S, Clock
from mcu.frames import AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ, AudioPacket, SenderReport, VideoCodec
from mcu.rtc import rtcp, rtp
from mcu.rtc.feedback import RemoteFeedback
from mcu.rtc.jitter import AssemblerStatistics, FrameAssembler
from mcu.rtc.listener import Negotiated, OutgoingIdentity, PeerListener
from mcu.rtc.reception import SourceReception
from mcu.rtc.srtp import Unprotector

MAX_DATAGRAM_SIZE = 2000
MAX_SOURCES = 8
"""SSRCs one peer may use, RTX and RTCP senders included; a browser uses four."""
DEFAULT_BITRATE_BPS = 2_500_000
TAKEOVER_NS = 1_000_000_000
"""Silence of the video source after which another SSRC of the peer may take its place."""


@dataclass(frozen=True, slots=True)
class ReceiverStatistics:
    """Counts since the receiver was made. ``video`` is None until a video packet came."""

    datagrams: int
    octets: int
    audio_packets: int
    oversized: int
    foreign_sources: int
    unprotect_failures: int
    malformed: int
    ignored: int
    nacks_sent: int
    keyframe_requests_sent: int
    video: AssemblerStatistics | None


class Receiver:
    """Opens, reads and sorts what one peer sends.

    ``on_nack`` is called with the 16-bit sequence numbers of our video that the peer misses; the ``on_stream`` ones
    with the SSRC as well, for any other than the room's. ``close`` frees the unprotector.
    """

    def __init__(
        self,
        unprotector: Unprotector,
        negotiated: Negotiated,
        listener: PeerListener,
        clock: Clock,
        *,
        identity: OutgoingIdentity,
        on_nack: Callable[[Sequence[int]], None],
        on_stream_nack: Callable[[int, Sequence[int]], None] = lambda ssrc, numbers: None,
        on_stream_keyframe: Callable[[int], None] = lambda ssrc: None,
    ) -> None:
        self._unprotector = unprotector
        self._negotiated = negotiated
        self._video_in, self._audio_in = negotiated.video_in, negotiated.audio_in
        self._listener = listener
        self._clock = clock
        self._identity = identity
        self._feedback = RemoteFeedback(
            listener, clock, identity, on_nack, on_stream_nack=on_stream_nack, on_stream_keyframe=on_stream_keyframe
        )
        self._sources: dict[int, SourceReception | None] = {}  # None: known to us, but no media came from it
        self._video: SourceReception | None = None
        self._video_heard_ns = 0
        self._assembler: FrameAssembler | None = None
        self._bitrate_bps = DEFAULT_BITRATE_BPS
        self.last_packet_ns: int | None = None
        """Monotonic time of the last datagram; None before it."""
        self._datagrams = self._octets = self._audio_packets = 0
        self._oversized = self._foreign = self._malformed = self._ignored = 0
        self._nacks = self._keyframe_requests = 0

    def datagram(self, data: bytes) -> None:
        """Takes one datagram of RTP or RTCP (RFC 5761). Anything else, and anything malformed, is counted only."""
        size = len(data)
        now_ns = self.last_packet_ns = self._clock.now_ns()
        self._datagrams += 1
        self._octets += size
        if size > MAX_DATAGRAM_SIZE:
            self._oversized += 1
        elif size < rtp.HEADER_SIZE or not 127 < data[0] < 192:
            self._malformed += 1
        elif 191 < data[1] < 224:
            self._rtcp(data, now_ns)
        else:
            self._rtp(data, now_ns)

    def _admits(self, ssrc: int) -> bool:
        """Whether a source is known or may become so: asked before libsrtp makes a stream for it."""
        if ssrc in self._sources or len(self._sources) < MAX_SOURCES:
            return True
        self._foreign += 1
        return False

    def _rtp(self, data: bytes, now_ns: int) -> None:
        first, second, number, timestamp, ssrc = rtp.unpack_header(data)
        source = self._sources.get(ssrc)
        if source is None and not self._admits(ssrc):
            return
        end = self._unprotector.open(data)
        if not end:
            return
        start, elements = rtp.HEADER_SIZE, 0
        if first == 0x90:  # a header extension and nothing else out of the ordinary: what browsers send
            elements = start + 4
            start = elements + (int.from_bytes(data[14:16], "big") << 2)
        elif first != 0x80:
            start, end, elements = self._bounds(end)
        if start > end:
            self._sources.setdefault(ssrc, None)
            self._malformed += 1
            return
        payload = bytes(self._unprotector.plain[start:end])
        kind, marker = second & 0x7F, second > 0x7F
        codec = self._video_in.get(kind)
        if codec is not None:
            source = source or self._source(ssrc, VIDEO_CLOCK_HZ)
            self._receive_video(source, number, timestamp, marker, codec, payload, now_ns)
        elif kind == self._audio_in:
            source = source or self._source(ssrc, AUDIO_CLOCK_HZ)
            source.received(number, timestamp, now_ns)
            if payload:
                self._audio_packets += 1
                level = self._level(data, elements, start) if elements else None
                self._listener.on_audio(AudioPacket(payload, number, timestamp, ssrc, now_ns, level))
        elif kind in self._negotiated.video_in_rtx:
            (source or self._source(ssrc, VIDEO_CLOCK_HZ)).received(number, timestamp, now_ns)
            self._receive_repair(kind, timestamp, marker, payload, now_ns)
        else:
            self._sources.setdefault(ssrc, None)
            self._ignored += 1

    def _source(self, ssrc: int, clock_hz: int) -> SourceReception:
        """A new one, or the first media of one that spoke before."""
        source = self._sources[ssrc] = SourceReception(ssrc, clock_hz)
        return source

    def _bounds(self, size: int) -> tuple[int, int, int]:
        """Where the payload of the plain packet begins and ends, and where the elements of its header extension begin;
        the end before the beginning when the header contradicts itself.
        """
        header = rtp.parse(self._unprotector.plain[:size])
        return (1, 0, 0) if header is None else (header.payload_start, header.payload_end, header.extensions_start)

    def _level(self, data: bytes, at: int, end: int) -> int | None:
        """What the sender says of its loudness in the elements of its header extension (RFC 6464)."""
        identifier = self._negotiated.audio_level_in_ext
        if identifier is None:
            return None
        return rtp.audio_level(data, at, end, int.from_bytes(data[at - 4 : at - 2], "big"), identifier)

    def _receive_video(
        self,
        source: SourceReception,
        number: int,
        timestamp: int,
        marker: bool,
        codec: VideoCodec,
        payload: bytes,
        now_ns: int,
    ) -> None:
        sequence = source.received(number, timestamp, now_ns)
        if source is not self._video and not self._take_over(source, now_ns):
            self._ignored += 1
            return
        self._video_heard_ns = now_ns
        if sequence is not None and self._assembler is not None:
            self._assembler.feed(sequence, timestamp, marker, codec, payload, now_ns)

    def _take_over(self, source: SourceReception, now_ns: int) -> bool:
        """Makes a source the one we show, unless another is still being heard."""
        if self._video is not None and now_ns - self._video_heard_ns < TAKEOVER_NS:
            return False
        self._video = source
        self._assembler = FrameAssembler(source.ssrc, self._listener.on_video)
        self._pace_repairs()
        return True

    def _receive_repair(self, kind: int, timestamp: int, marker: bool, payload: bytes, now_ns: int) -> None:
        """RFC 4588: the payload of a lost packet, behind the sequence number it had."""
        codec = self._video_in.get(self._negotiated.video_in_rtx[kind])
        if codec is None or self._video is None or self._assembler is None or len(payload) <= 2:
            return
        original = self._video.unwrap(int.from_bytes(payload[:2], "big"))
        if original > self._video.highest:
            self._ignored += 1  # it repairs what was never missed
            return
        self._assembler.feed(original, timestamp, marker, codec, payload[2:], now_ns)

    def _rtcp(self, data: bytes, now_ns: int) -> None:
        speaker = rtcp.sender_ssrc(data)
        if speaker is None or not self._admits(speaker):
            return
        packet = self._unprotector.unprotect_rtcp(data)
        if packet is None:
            return
        self._sources.setdefault(speaker, None)
        items = rtcp.parse(packet)
        for item in items:
            if isinstance(item, rtcp.SenderInfo):
                source = self._sources.get(item.ssrc)
                if source is not None:
                    source.reported(item.ntp, now_ns)
                    self._listener.on_sender_report(SenderReport(item.ssrc, item.ntp, item.rtp_timestamp, now_ns))
        self._feedback.take(items)
        self._pace_repairs()

    def _pace_repairs(self) -> None:
        mean_s = self._feedback.mean_round_trip_s
        if self._assembler is not None and mean_s is not None:
            self._assembler.set_round_trip(round(mean_s * NS_PER_S))

    def request_keyframe(self) -> None:
        """Asks the peer for a key frame with the next ``poll``; throttled, without effect before its first video."""
        if self._assembler is not None:
            self._assembler.request_keyframe()

    def limit_bitrate(self, bitrate_bps: int) -> None:
        """Sets what the peer's video may take; told with every report (REMB)."""
        self._bitrate_bps = bitrate_bps

    @property
    def octets(self) -> int:
        """Octets of all datagrams so far."""
        return self._octets

    @property
    def sees(self) -> bool:
        """Whether video has come in, of which packets may be missing."""
        return self._assembler is not None

    @property
    def due(self) -> bool:
        """Whether ``poll`` may have something to send: worth asking right after a datagram, and every 20 ms."""
        return self._assembler is not None and self._assembler.due

    def poll(self, now_ns: int) -> bytes | None:
        """Plain RTCP (RFC 4585) that asks for lost packets or a key frame, or None. Also gives up old holes."""
        if self._assembler is None or self._video is None:
            return None
        nacks, keyframe = self._assembler.poll(now_ns)
        if not nacks and not keyframe:
            return None
        ours, theirs = self._identity.video_ssrc, self._video.ssrc
        packet = rtcp.receiver_report(ours)
        if nacks:
            self._nacks += len(nacks)
            packet += rtcp.nack(ours, theirs, nacks)
        if keyframe:
            self._keyframe_requests += 1
            packet += rtcp.pli(ours, theirs)
        return packet

    def report(self, now_ns: int) -> bytes:
        """Plain RTCP for once a second: a report block for each source, and the bit rate its video may take."""
        blocks = [block for source in self._sources.values() if source and (block := source.block(now_ns))]
        packet = rtcp.receiver_report(self._identity.video_ssrc, blocks)
        if self._video is not None:
            packet += rtcp.remb(self._identity.video_ssrc, self._bitrate_bps, (self._video.ssrc,))
        return packet

    def close(self) -> None:
        """Frees the keys; later datagrams fail to authenticate. Idempotent."""
        self._unprotector.close()

    @property
    def statistics(self) -> ReceiverStatistics:
        return ReceiverStatistics(
            self._datagrams,
            self._octets,
            self._audio_packets,
            self._oversized,
            self._foreign,
            self._unprotector.failures,
            self._malformed,
            self._ignored,
            self._nacks,
            self._keyframe_requests,
            self._assembler.statistics if self._assembler else None,
        )

"""One peer's datagrams in, frames and sound out: straight from the datagram callback, no task and no queue a packet.

Runs on the event loop only. What is wrong with a datagram costs that datagram and a count.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mcu.clock import NS_PER_S, Clock, ntp_from_wall
from mcu.frames import AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ, AudioPacket, SenderReport
from mcu.rtc import rtcp, rtp
from mcu.rtc.jitter import AssemblerStatistics, FrameAssembler
from mcu.rtc.listener import Negotiated, OutgoingIdentity, PeerListener, Reception
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
        self._listener = listener
        self._clock = clock
        self._identity = identity
        self._on_nack = on_nack
        self._on_stream_nack = on_stream_nack
        self._on_stream_keyframe = on_stream_keyframe
        self._sources: dict[int, SourceReception | None] = {}  # None: known to us, but no media came from it
        self._video: SourceReception | None = None
        self._video_heard_ns = 0
        self._assembler: FrameAssembler | None = None
        self._bitrate_bps = DEFAULT_BITRATE_BPS
        self._estimate_bps: int | None = None
        self._fraction_lost = 0.0
        self._round_trip_s: float | None = None
        self._mean_round_trip_s: float | None = None
        self._audio_reports = self._video_reports = 0
        self._datagrams = self._octets = self._audio_packets = 0
        self._oversized = self._foreign = self._malformed = self._ignored = 0
        self._nacks = self._keyframe_requests = 0

    def datagram(self, data: bytes) -> None:
        """Takes one datagram of RTP or RTCP (RFC 5761). Anything else, and anything malformed, is counted only."""
        self._datagrams += 1
        self._octets += len(data)
        if len(data) > MAX_DATAGRAM_SIZE:
            self._oversized += 1
        elif len(data) < rtp.HEADER_SIZE or not 128 <= data[0] <= 191:
            self._malformed += 1
        elif 192 <= data[1] <= 223:
            self._rtcp(data)
        else:
            self._rtp(data, self._clock.now_ns())

    def _admits(self, ssrc: int) -> bool:
        """Whether a source is known or may become so: asked before libsrtp makes a stream for it."""
        if ssrc in self._sources or len(self._sources) < MAX_SOURCES:
            return True
        self._foreign += 1
        return False

    def _rtp(self, data: bytes, now_ns: int) -> None:
        ssrc = int.from_bytes(data[8:12], "big")
        known = ssrc in self._sources
        if not known and not self._admits(ssrc):
            return
        packet = self._unprotector.unprotect(data)
        if packet is None:
            return
        if not known:
            self._sources[ssrc] = None
        header = rtp.parse(packet)
        if header is None:
            self._malformed += 1
            return
        agreed, kind = self._negotiated, header.payload_type
        if kind in agreed.video_in:
            self._receive_video(packet, header, now_ns)
        elif kind == agreed.audio_in:
            self._receive_audio(packet, header, now_ns)
        elif kind in agreed.video_in_rtx:
            self._receive_repair(packet, header, now_ns)
        else:
            self._ignored += 1

    def _source(self, ssrc: int, clock_hz: int) -> SourceReception:
        source = self._sources.get(ssrc)
        if source is None:
            source = self._sources[ssrc] = SourceReception(ssrc, clock_hz)
        return source

    def _receive_audio(self, packet: memoryview, header: rtp.RtpHeader, now_ns: int) -> None:
        source = self._source(header.ssrc, AUDIO_CLOCK_HZ)
        source.received(header.sequence_number, header.timestamp, now_ns)
        if header.payload_start == header.payload_end:
            return
        level_ext = self._negotiated.audio_level_in_ext
        level = None if level_ext is None else rtp.audio_level(packet, header, level_ext)
        payload = bytes(packet[header.payload_start : header.payload_end])
        self._audio_packets += 1
        self._listener.on_audio(
            AudioPacket(payload, header.sequence_number, header.timestamp, header.ssrc, now_ns, level)
        )

    def _receive_video(self, packet: memoryview, header: rtp.RtpHeader, now_ns: int) -> None:
        source = self._sources.get(header.ssrc) or self._source(header.ssrc, VIDEO_CLOCK_HZ)
        sequence = source.received(header.sequence_number, header.timestamp, now_ns)
        if source is not self._video and not self._take_over(source, now_ns):
            self._ignored += 1
            return
        self._video_heard_ns = now_ns
        if sequence is None or self._assembler is None:
            return
        self._assembler.feed(
            sequence,
            header.timestamp,
            header.marker,
            self._negotiated.video_in[header.payload_type],
            packet[header.payload_start : header.payload_end],
            now_ns,
        )

    def _take_over(self, source: SourceReception, now_ns: int) -> bool:
        """Makes a source the one we show, unless another is still being heard."""
        if self._video is not None and now_ns - self._video_heard_ns < TAKEOVER_NS:
            return False
        self._video = source
        self._assembler = FrameAssembler(source.ssrc, self._listener.on_video)
        self._pace_repairs()
        return True

    def _receive_repair(self, packet: memoryview, header: rtp.RtpHeader, now_ns: int) -> None:
        """RFC 4588: the payload of a lost packet, behind the sequence number it had."""
        self._source(header.ssrc, VIDEO_CLOCK_HZ).received(header.sequence_number, header.timestamp, now_ns)
        start, end = header.payload_start, header.payload_end
        codec = self._negotiated.video_in.get(self._negotiated.video_in_rtx[header.payload_type])
        if codec is None or self._video is None or self._assembler is None or end - start <= 2:
            return
        original = self._video.unwrap(int.from_bytes(packet[start : start + 2], "big"))
        if original > (self._video.highest or 0):
            self._ignored += 1  # it repairs what was never missed
            return
        self._assembler.feed(original, header.timestamp, header.marker, codec, packet[start + 2 : end], now_ns)

    def _rtcp(self, data: bytes) -> None:
        speaker = rtcp.sender_ssrc(data)
        if speaker is None or not self._admits(speaker):
            return
        packet = self._unprotector.unprotect_rtcp(data)
        if packet is None:
            return
        self._sources.setdefault(speaker, None)
        now_ns = self._clock.now_ns()
        items = rtcp.parse(packet)
        for item in items:
            self._feedback(item, now_ns)
        if rtcp.KeyframeRequest(self._identity.video_ssrc) in items:
            self._listener.on_keyframe_request()

    def _feedback(self, item: rtcp.Item, now_ns: int) -> None:
        if isinstance(item, rtcp.SenderInfo):
            source = self._sources.get(item.ssrc)
            if source is not None:
                source.reported(item.ntp, now_ns)
                self._listener.on_sender_report(SenderReport(item.ssrc, item.ntp, item.rtp_timestamp, now_ns))
        elif isinstance(item, rtcp.ReportBlock):
            self._reported(item)
        elif isinstance(item, rtcp.Nack):
            if item.media_ssrc == self._identity.video_ssrc:
                self._on_nack(item.sequence_numbers)
            else:
                self._on_stream_nack(item.media_ssrc, item.sequence_numbers)
        elif isinstance(item, rtcp.KeyframeRequest):
            if item.media_ssrc != self._identity.video_ssrc:
                self._on_stream_keyframe(item.media_ssrc)
        elif isinstance(item, rtcp.Remb):
            self._estimate_bps = item.bitrate_bps
            self._listener.on_reception(self._video_reception())

    def _reported(self, block: rtcp.ReportBlock) -> None:
        if block.ssrc not in (self._identity.video_ssrc, self._identity.audio_ssrc):
            return
        if block.last_sr:
            now = ntp_from_wall(self._clock.wall_ns()) >> 16
            elapsed = (now - block.last_sr - block.delay_since_last_sr) & 0xFFFF_FFFF
            if elapsed < 0x8000_0000:  # beyond: the peer's clock, or its honesty, is off
                self._round_trip_s = elapsed / 65536
                mean_s = self._mean_round_trip_s or self._round_trip_s
                self._mean_round_trip_s = mean_s + (self._round_trip_s - mean_s) / 4
                self._pace_repairs()
        fraction = block.fraction_lost / 256
        if block.ssrc == self._identity.audio_ssrc:
            self._audio_reports += 1
            reception = Reception("audio", fraction, self._round_trip_s, self._estimate_bps, self._audio_reports)
            self._listener.on_reception(reception)
            return
        self._video_reports += 1
        self._fraction_lost = fraction
        self._listener.on_reception(self._video_reception())

    def _pace_repairs(self) -> None:
        if self._assembler is not None and self._mean_round_trip_s is not None:
            self._assembler.set_round_trip(round(self._mean_round_trip_s * NS_PER_S))

    def _video_reception(self) -> Reception:
        return Reception("video", self._fraction_lost, self._round_trip_s, self._estimate_bps, self._video_reports)

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

"""One viewer's way out of one peer: video, sound, what it lost, and reports.

Three threads send through a downlink, each with keys of its own: a hub's encoder thread the video, the sound thread
the audio, the event loop the retransmissions (on an SSRC of their own) and RTCP. Everything public here is the event
loop's; fan-outs use the lanes.
"""

import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from mcu.clock import NS_PER_S, Clock, ntp_from_wall
from mcu.frames import VideoCodec
from mcu.rtc import rtcp
from mcu.rtc.history import History, Sent
from mcu.rtc.lane import Lane
from mcu.rtc.listener import Negotiated, OutgoingIdentity
from mcu.rtc.media_time import MediaTime, audio_time, video_time
from mcu.rtc.packetise import Stamp, Variant, packet
from mcu.rtc.srtp import Protector, SrtpKeys
from mcu.rtc.udp import Address, Way

MAX_RETRANSMISSIONS_PER_S = 400
"""Packets looked for and sent again to one viewer a second; a tenth of what a hub sends at 2 Mbit/s is 22."""

MAX_SHIFT = 90_000
"""A second: how far behind the last frame another source may begin, because its encoder was slower."""


@dataclass(frozen=True, slots=True)
class DownlinkStatistics:
    """Counts since the downlink was made. ``send_errors`` are datagrams or trains that the kernel refused."""

    video_packets: int
    video_octets: int
    audio_packets: int
    audio_octets: int
    retransmitted: int
    retransmissions_missed: int
    retransmissions_refused: int
    protect_failures: int
    send_errors: int


def _repeats(negotiated: Negotiated) -> bool:
    """Whether a lost packet may have to be sent again as it was: without RTX of a codec that may be sent."""
    types = negotiated.video_out_codecs.values()
    return negotiated.video_out_rtx is None or any(one.rtx is None for one in types)


class VideoLane(Lane):
    """A lane with what a lost packet needs: its source's history, and how its packets look."""

    def __init__(self, keys: SrtpKeys, negotiated: Negotiated, payload_type: int) -> None:
        super().__init__(keys, payload_type, repeats=_repeats(negotiated))
        extension = negotiated.abs_send_time_out_ext
        if extension is not None and not 1 <= extension <= 14:
            extension = None  # needs the two-byte form, which nobody asks for
        self.variant = Variant(payload_type, extension, keys.tag_length)
        self.history: History | None = None
        self.timestamp = -1
        self.shift = 0
        self.codec = negotiated.video_out_codec
        self.types = negotiated.video_out_codecs
        """Every codec that may be sent here."""
        self.rtx_type = negotiated.video_out_rtx
        self.rtx_ssrc: int | None = None
        """None: the room's."""
        self.opened: tuple[tuple[range, int], ...] = ()
        """Frames that went under an RTP time of their own (``opening.py``): the source's numbers, and the time."""

    def takes(self, codec: VideoCodec) -> bool:
        """Whether the viewer agreed to it: payload types tell codecs apart, so it may differ from source to source."""
        return codec == self.codec or codec in self.types

    def variant_of(self, codec: VideoCodec) -> Variant:
        """How packets of a codec look that it ``takes``."""
        return self.variant if codec == self.codec else self.variant._replace(payload_type=self.types[codec][0])

    def speak(self, codec: VideoCodec) -> None:
        """The source that begins brings this codec. Holds the lock."""
        if codec != self.codec:
            self.variant, self.rtx_type, self.codec = self.variant_of(codec), self.types[codec].rtx, codec

    def follow_on(self, timestamp: int) -> None:
        """A source begins with a frame of this RTP time. Views of a room share their ticks, so the former one may have
        sent a frame of that very time, and receivers would take both for one: what isn't later than the last frame is
        shifted, by the least there is, and so is all that follows from this source. Holds the lock.
        """
        self.shift = 0
        self.opened = ()
        if self.timestamp >= 0:
            ahead = (self.timestamp - timestamp) & 0xFFFF_FFFF
            self.shift = ahead + 1 if ahead <= MAX_SHIFT else 0

    def find(self, sequence_number: int) -> tuple[Sent, int] | None:
        """The packet this viewer got under a 16-bit number, and that number unwrapped. Takes the lock."""
        with self.lock:
            sequence = self.next - 1 - (self.next - 1 - sequence_number & 0xFFFF)
            if self.history is None or self.next < 0 or sequence < self.joined:
                return None
            sent = self.history.find(sequence - self.offset)
            if sent is not None and (self.shift or self.opened):
                timestamp = self._time_of(sent) + self.shift & 0xFFFF_FFFF
                sent = sent._replace(stamp=replace(sent.stamp, timestamp=timestamp))
            return None if sent is None else (sent, sequence)

    def _time_of(self, sent: Sent) -> int:
        """The RTP time under which this viewer got a packet, but for the shift."""
        opened = (timestamp for numbers, timestamp in self.opened if sent.sequence in numbers)
        return next(opened, sent.stamp.timestamp)


class SoundLane(Lane):
    """A lane with what its listener agreed to. ``fraction_lost``, 0 to 1, is what they last reported: the event loop
    writes it, the sound thread reads it. ``paused``: packets were left out since the last sound; holds the lock.
    """

    def __init__(self, keys: SrtpKeys, negotiated: Negotiated, payload_type: int) -> None:
        super().__init__(keys, payload_type)
        self.form = negotiated.audio_out_form
        self.dtx = negotiated.audio_out_dtx
        self.fraction_lost = 0.0
        self.paused = False


class Downlink:
    """Made when a peer is connected; ``close`` takes it out of every fan-out, frees keys and its copy of the socket.

    ``fd`` is duplicated. ``epoch_ns`` is the monotonic time at which room time is 0. Nothing here raises for what the
    network does.
    """

    def __init__(
        self,
        negotiated: Negotiated,
        keys: SrtpKeys,
        fd: int,
        address: Address,
        identity: OutgoingIdentity,
        clock: Clock,
        *,
        epoch_ns: int = 0,
    ) -> None:
        self.negotiated = negotiated
        self.way = Way(fd, address)
        self.video = None if negotiated.video_out is None else VideoLane(keys, negotiated, negotiated.video_out)
        self.audio = None if negotiated.audio_out is None else SoundLane(keys, negotiated, negotiated.audio_out)
        self._identity = identity
        self._clock = clock
        self._epoch_ns = epoch_ns
        self._video_time, self._audio_time = video_time(identity), audio_time(identity)
        self.further: tuple[Lane, ...] = ()
        """Lanes beside the first of each kind, on SSRCs of their own (``mcu/rtc/streams.py``)."""
        self._protector = Protector(keys)
        self._rtx_next = secrets.randbits(14)
        self._allowance = float(MAX_RETRANSMISSIONS_PER_S)
        self._allowance_ns = clock.now_ns()
        self._retransmitted = self._missed = self._refused = self._failures = self._past_errors = 0

    def repoint(self, fd: int, address: Address) -> None:
        """Sends over another socket or to another address from now on (ICE nominated another pair)."""
        way = Way(fd, address)
        with ExitStack() as sends:
            for lane in self._lanes():
                sends.enter_context(lane.lock)
            former, self.way = self.way, way
            self._past_errors += former.errors
            former.close()

    def _lanes(self) -> list[Lane]:
        return [lane for lane in (self.video, self.audio, *self.further) if lane is not None]

    def retransmit(self, sequence_numbers: Sequence[int], stream: VideoLane | None = None) -> None:
        """Answers a NACK: over RTX (RFC 4588) where agreed, else as the same packet again. ``stream`` None: of the
        first lane of pictures.

        Bounded a second, and what is too old to be found counts as well: it is work too.
        """
        lane = stream or self.video
        if lane is None:
            return
        self._refill()
        allowed = min(len(sequence_numbers), int(self._allowance))
        self._allowance -= allowed
        self._refused += len(sequence_numbers) - allowed
        for number in sequence_numbers[:allowed]:
            found = lane.find(number)
            if found is None:
                self._missed += 1
            elif lane.rtx_type is None:
                self._send_again(lane, *found)
            else:
                self._send_repair(lane.rtx_type, lane, *found)

    def _refill(self) -> None:
        now_ns = self._clock.now_ns()
        earned = (now_ns - self._allowance_ns) * MAX_RETRANSMISSIONS_PER_S / NS_PER_S
        self._allowance = min(MAX_RETRANSMISSIONS_PER_S, self._allowance + earned)
        self._allowance_ns = now_ns

    def _send_repair(self, payload_type: int, lane: VideoLane, sent: Sent, sequence: int) -> None:
        stamp = Stamp(self._identity.video_rtx_ssrc, sent.stamp.timestamp, sent.stamp.send_time)
        variant = lane.variant._replace(payload_type=payload_type, ssrc=lane.rtx_ssrc)
        payload = (sequence & 0xFFFF).to_bytes(2, "big") + sent.payload
        plain = packet(payload, self._rtx_next, sent.marker, stamp, variant)
        self._rtx_next += 1
        self._send(self._protector.protect(plain))

    def _send_again(self, lane: VideoLane, sent: Sent, sequence: int) -> None:
        """Byte for byte what was sent before, by the same session: its nonce is used for the same text only."""
        plain = packet(sent.payload, sequence, sent.marker, sent.stamp, lane.variant)
        with lane.lock:
            protected = lane.protector.protect(plain)
        self._send(protected)

    def _send(self, protected: bytes | None) -> None:
        if protected is None:
            self._failures += 1
        elif self.way.send(protected):
            self._retransmitted += 1

    def sender_report(self, now_ns: int) -> bytes:
        """Plain RTCP for once a second: an SR for each SSRC that has been sent, and their common name.

        The times in it are those of the media: NTP time and RTP time of one instant of room time (RFC 3550, 6.4.1). Of
        what is forwarded that is the instant at which it is in the room's mix (``Source.lag_ns``), so that receivers
        who play together what belongs together find somebody's picture beside their voice, whichever of both is mixed.
        Empty before the first packet.
        """
        wall_ns = self._clock.wall_ns() - (self._clock.now_ns() - now_ns)
        reports = [
            self._report(ssrc, time.rtp(now_ns - self._epoch_ns - _lag_ns(lane)), wall_ns, lane)
            for ssrc, time, lane in self._spoken()
            if lane.packets
        ]
        if not reports:
            return b""
        ssrcs = [ssrc for ssrc, _, lane in self._spoken() if lane.packets]
        return b"".join(reports) + rtcp.source_description(ssrcs, self._identity.cname)

    def _spoken(self) -> list[tuple[int, MediaTime, Lane]]:
        ours = self._identity
        both = ((ours.video_ssrc, self._video_time, self.video), (ours.audio_ssrc, self._audio_time, self.audio))
        further = (
            (lane.ssrc, self._video_time if isinstance(lane, VideoLane) else self._audio_time, lane)
            for lane in self.further
        )
        return [(ssrc, time, lane) for ssrc, time, lane in (*both, *further) if lane is not None and ssrc is not None]

    @staticmethod
    def _report(ssrc: int, rtp_timestamp: int, wall_ns: int, lane: Lane) -> bytes:
        return rtcp.sender_report(
            rtcp.SenderInfo(ssrc, ntp_from_wall(wall_ns), rtp_timestamp, lane.packets, lane.octets)
        )

    def send_rtcp(self, plain: bytes) -> None:
        """Protects and sends a compound RTCP packet, ours or the receiver's feedback; nothing when it is empty."""
        if not plain:
            return
        protected = self._protector.protect_rtcp(plain)
        if protected is None:
            self._failures += 1
        else:
            self.way.send(protected)

    def close(self) -> None:
        """Idempotent. Waits at most for one frame's packets to this viewer."""
        for lane in self._lanes():
            lane.close()
        self._protector.close()
        self.way.close()

    @property
    def statistics(self) -> DownlinkStatistics:
        video, audio = self.video, self.audio
        return DownlinkStatistics(
            video_packets=video.packets if video else 0,
            video_octets=video.octets if video else 0,
            audio_packets=audio.packets if audio else 0,
            audio_octets=audio.octets if audio else 0,
            retransmitted=self._retransmitted,
            retransmissions_missed=self._missed,
            retransmissions_refused=self._refused,
            protect_failures=self._failures + sum(lane.failures for lane in self._lanes()),
            send_errors=self._past_errors + self.way.errors,
        )


def _lag_ns(lane: Lane) -> int:
    source = lane.source
    return 0 if source is None else source.lag_ns

"""The fan-outs: one frame, one sound, to every viewer of a room.

A frame's plain packets are laid out once for each variant of viewers (payload type, extension id, tag); a viewer
costs a copy of each train, its encryption in place and one system call. A fan-out sends on one thread, the hub's or
the sound's; viewers come and go on the event loop, which waits at most for one frame to that viewer.
"""

import secrets
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from mcu.clock import Clock
from mcu.frames import EncodedFrame, VideoCodec
from mcu.rtc import rtp
from mcu.rtc.downlink import Downlink, VideoLane
from mcu.rtc.history import History
from mcu.rtc.lane import Lane, Source
from mcu.rtc.listener import OutgoingIdentity
from mcu.rtc.media_time import audio_time, video_time
from mcu.rtc.packetise import MAX_TRAIN_SIZE, PICTURE_ID_MASK, Stamp, Train, Variant, couple, lay_out, split
from mcu.rtc.srtp import MAX_DATAGRAM, PacketBuffer, Pointer

__all__ = ["AudioFanout", "AudioFanoutStatistics", "Downlink", "VideoFanout", "VideoFanoutStatistics"]

MAX_OPUS_SIZE = 1275
"""The longest Opus packet of 20 ms (RFC 6716, 3.4)."""
_put_sequence = struct.Struct("!H").pack_into
_put_sequence_and_time = struct.Struct("!HI").pack_into

LaneT = TypeVar("LaneT", bound=Lane)


class _Viewers(Generic[LaneT]):
    """Who is fed, as a tuple that is replaced whole: the sending thread reads it without a lock."""

    def __init__(self) -> None:
        self._change = threading.Lock()
        self.now: tuple[tuple[LaneT, Downlink], ...] = ()

    def add(self, lane: LaneT, downlink: Downlink) -> None:
        with self._change:
            if all(lane is not other for other, _ in self.now):
                self.now = (*self.now, (lane, downlink))

    def discard(self, lane: Lane, fanout: Source) -> None:
        """Drops a lane, unless it has come back to its fan-out while another thread took it away."""
        with self._change:
            if fanout is not lane.source and fanout is not lane.awaited:
                self.now = tuple(viewer for viewer in self.now if viewer[0] is not lane)


@dataclass(frozen=True, slots=True)
class VideoFanoutStatistics:
    """``frames`` laid out, ``packets`` and ``octets`` sent to all viewers together, and who is there."""

    frames: int
    packets: int
    octets: int
    viewers: int
    waiting: int


class VideoFanout:
    """What one hub sends: each frame to each of its viewers, nobody before a key frame.

    ``write`` belongs to the hub's thread, ``waiting`` and ``statistics`` to any, everything else to the event loop.
    """

    def __init__(self, identity: OutgoingIdentity, codec: VideoCodec, clock: Clock) -> None:
        self.codec: VideoCodec = codec
        self.history = History()
        self._ssrc = identity.video_ssrc
        self._time = video_time(identity)
        self._clock = clock
        self._viewers = _Viewers[VideoLane]()
        self._next = secrets.randbits(15)
        self._picture_id = secrets.randbits(15)
        self._buffer = PacketBuffer(MAX_TRAIN_SIZE)
        self._frames = self._packets = self._octets = 0

    def add(self, downlink: Downlink) -> None:
        """Shows this hub to a viewer from its next key frame on. One that sees another hub keeps it until then.

        Raises ``ValueError`` when the viewer receives no video, or not this codec.
        """
        lane = downlink.video
        if lane is None or downlink.negotiated.video_out_codec != self.codec:
            raise ValueError(f"the viewer has not agreed to receive {self.codec}")
        with lane.lock:
            if lane.closed:
                return
            former, lane.awaited = lane.awaited, None if lane.source is self else self
        if former is not None and former is not self:
            former.forget(lane)
        self._viewers.add(lane, downlink)

    def move(self, downlink: Downlink, to: "VideoFanout") -> None:
        """Changes a viewer's hub: this one goes on until the other's next key frame, and the numbers go on too."""
        to.add(downlink)

    def remove(self, downlink: Downlink) -> None:
        """Stops feeding a viewer. Afterwards the hub's thread uses nothing of it. Idempotent."""
        if downlink.video is not None:
            downlink.video.detach(self)
            self.forget(downlink.video)

    def forget(self, lane: Lane) -> None:
        self._viewers.discard(lane, self)

    @property
    def waiting(self) -> int:
        """Viewers who wait for a key frame of this hub."""
        return sum(lane.awaited is self for lane, _ in self._viewers.now)

    def write(self, frame: EncodedFrame) -> None:
        """Sends a frame to everybody who watches. Never raises for what the network does."""
        payloads = split(self.codec, frame.data, self._picture_id)
        if not payloads:
            return
        self._picture_id = (self._picture_id + 1) & PICTURE_ID_MASK
        first, self._next = self._next, self._next + len(payloads)
        stamp = Stamp(self._ssrc, self._time.rtp(frame.time_ns), rtp.abs_send_time(self._clock.wall_ns()))
        self.history.add(first, payloads, stamp)
        groups, octets = couple(payloads), sum(map(len, payloads))
        variants: dict[Variant, list[tuple[Train, list[Pointer]]]] = {}
        self._frames += 1
        for lane, downlink in self._viewers.now:
            if lane.source is not self and not (frame.keyframe and lane.awaited is self):
                continue
            trains = variants.get(lane.variant)
            if trains is None:
                trains = variants[lane.variant] = [
                    (train, self._buffer.pointers(train.stride, len(train.lengths)))
                    for train in lay_out(groups, first, stamp, lane.variant)
                ]
            former = None
            with lane.lock:
                if lane.awaited is self and frame.keyframe:
                    former = lane.begin(self, first)
                    lane.history = self.history
                    lane.follow_on(stamp.timestamp)
                if lane.source is self:
                    lane.timestamp = stamp.timestamp + lane.shift & 0xFFFF_FFFF
                    self._send(lane, downlink, trains, first)
                    lane.count(first, len(payloads), octets)
                    self._packets += len(payloads)
                    self._octets += octets
            if former is not None:
                former.forget(lane)

    def _send(self, lane: VideoLane, downlink: Downlink, trains: list[tuple[Train, list[Pointer]]], first: int) -> None:
        """Copies, numbers, protects and sends one frame's trains. Holds the lane's lock."""
        memory, view, way, protector = self._buffer.memory, self._buffer.view, downlink.way, lane.protector
        sequence = first + lane.offset
        renumber = lane.offset & 0xFFFF
        for train, pointers in trains:
            memory[: len(train.plain)] = train.plain
            if lane.shift and lane.timestamp is not None:
                for at in range(2, len(train.plain), train.stride):
                    _put_sequence_and_time(memory, at, sequence & 0xFFFF, lane.timestamp)
                    sequence += 1
            elif renumber:
                for at in range(2, len(train.plain), train.stride):
                    _put_sequence(memory, at, sequence & 0xFFFF)
                    sequence += 1
            if protector.protect_train(pointers, train.lengths):
                way.send_train(view[: train.size], train.stride)
            else:
                lane.failures += 1

    @property
    def statistics(self) -> VideoFanoutStatistics:
        return VideoFanoutStatistics(self._frames, self._packets, self._octets, len(self._viewers.now), self.waiting)

    def close(self) -> None:
        """Lets go of every viewer. Idempotent. Event loop; a frame in progress ends at the viewer it is at."""
        for lane, _ in self._viewers.now:
            lane.detach(self)
            self.forget(lane)


@dataclass(frozen=True, slots=True)
class AudioFanoutStatistics:
    """``ticks`` sent, ``packets`` to all listeners together, of which ``own`` held a mix of their own."""

    ticks: int
    packets: int
    own: int
    refused: int
    listeners: int


class AudioFanout:
    """The sound of a room or of a group in it: one Opus packet for everybody, or one's own for those who speak.

    ``send`` belongs to the sound thread, ``add`` to any, everything else to the event loop. Fan-outs of one identity
    share SSRC and time, so a listener may go from one to another: the numbers go on.
    """

    def __init__(self, identity: OutgoingIdentity) -> None:
        self._ssrc = identity.audio_ssrc
        self._time = audio_time(identity)
        self._viewers = _Viewers[Lane]()
        self._next = secrets.randbits(15)
        self._buffer = PacketBuffer(MAX_DATAGRAM)
        self._ticks = self._packets = self._own = self._refused = 0

    def add(self, downlink: Downlink) -> None:
        """Lets a viewer hear the room from the next tick on. ``ValueError`` when it receives no sound."""
        lane = downlink.audio
        if lane is None:
            raise ValueError("the viewer has not agreed to receive sound")
        with lane.lock:
            if lane.closed or lane.source is self:
                return
            formers = [former for former in (lane.source, lane.awaited) if former is not None and former is not self]
            lane.source, lane.awaited = None, self
            # Inside the lock, or a lane that is closed right now would stay among the viewers for good.
            self._viewers.add(lane, downlink)
        for former in formers:
            former.forget(lane)

    def remove(self, downlink: Downlink) -> None:
        """Stops the sound to a viewer. Afterwards the sound thread uses nothing of it. Idempotent."""
        if downlink.audio is not None:
            downlink.audio.detach(self)
            self.forget(downlink.audio)

    def forget(self, lane: Lane) -> None:
        self._viewers.discard(lane, self)

    def send(self, payload: bytes, time_ns: int, own: Mapping[Downlink, bytes]) -> None:
        """Sends one tick: ``payload`` to all but those in ``own``, who get theirs. ``time_ns`` is room time.

        An Opus packet that is empty or longer than 1275 bytes is not sent, and counted.
        """
        timestamp, sequence = self._time.rtp(time_ns), self._next
        self._next += 1
        self._ticks += 1
        headers: dict[int, bytes] = {}
        for lane, downlink in self._viewers.now:
            mix = own.get(downlink) if own else None
            sound = payload if mix is None else mix
            if not 0 < len(sound) <= MAX_OPUS_SIZE:
                self._refused += 1
                continue
            head = headers.get(lane.payload_type)
            if head is None:
                head = headers[lane.payload_type] = rtp.header(
                    lane.payload_type, False, sequence, timestamp, self._ssrc
                )
            with lane.lock:
                if lane.awaited is self:
                    lane.begin(self, sequence)
                if lane.source is self:
                    self._send(lane, downlink, head + sound, sequence)
                    lane.count(sequence, 1, len(sound))
                    self._packets += 1
                    self._own += mix is not None

    def _send(self, lane: Lane, downlink: Downlink, packet: bytes, sequence: int) -> None:
        """Protects and sends one packet. Holds the lane's lock."""
        if lane.offset & 0xFFFF:
            packet = b"%b%b%b" % (packet[:2], (sequence + lane.offset & 0xFFFF).to_bytes(2, "big"), packet[4:])
        size = lane.protector.protect_into(self._buffer, packet)
        if size:
            downlink.way.send(self._buffer.view[:size])
        else:
            lane.failures += 1

    @property
    def statistics(self) -> AudioFanoutStatistics:
        return AudioFanoutStatistics(self._ticks, self._packets, self._own, self._refused, len(self._viewers.now))

    def close(self) -> None:
        """Lets go of every listener. Idempotent."""
        for lane, _ in self._viewers.now:
            lane.detach(self)
            self.forget(lane)

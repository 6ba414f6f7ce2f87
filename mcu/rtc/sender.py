"""The fan-outs: one frame, one sound, to every viewer of a room.

A frame's plain packets are laid out once for each variant of viewers (payload type, extension id, tag); a viewer
costs a copy of each train, its encryption in place and one system call. A fan-out sends on one thread, the hub's or
the sound's; viewers come and go on the event loop, which waits at most for one frame to that viewer.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from mcu.clock import Clock
from mcu.frames import EncodedFrame, VideoCodec
from mcu.rtc import rtp
from mcu.rtc.downlink import Downlink, VideoLane
from mcu.rtc.history import History
from mcu.rtc.lane import Lane
from mcu.rtc.listener import OutgoingIdentity
from mcu.rtc.media_time import video_time
from mcu.rtc.opening import Opening
from mcu.rtc.packetise import MAX_TRAIN_SIZE, PICTURE_ID_MASK, Stamp, Variant, couple, lay_out, split
from mcu.rtc.sound_fanout import AudioFanout, AudioFanoutStatistics
from mcu.rtc.spreading import Spread
from mcu.rtc.srtp import Mould, PacketBuffer
from mcu.rtc.udp import Way
from mcu.rtc.viewers import Viewers

__all__ = ["AudioFanout", "AudioFanoutStatistics", "Downlink", "VideoFanout", "VideoFanoutStatistics"]


@dataclass(frozen=True, slots=True)
class VideoFanoutStatistics:
    """``frames`` laid out, ``packets`` and ``octets`` sent to all viewers together, and who is there."""

    frames: int
    packets: int
    octets: int
    viewers: int
    waiting: int


class VideoFanout:
    """What one hub sends: each frame to each of its viewers, nobody before a key frame: the next one, or the last one
    with what followed (``opening.py``).

    ``write`` belongs to the hub's thread, ``waiting`` and ``statistics`` to any, everything else to the event loop.
    """

    def __init__(
        self, identity: OutgoingIdentity, codec: VideoCodec, clock: Clock, lag_ns: Callable[[], int] = lambda: 0
    ) -> None:
        self.codec: VideoCodec = codec
        self._lag_ns = lag_ns
        self.history = History()
        self._ssrc = identity.video_ssrc
        self._time = video_time(identity)
        self._clock = clock
        self._viewers = Viewers[VideoLane]()
        self._next = secrets.randbits(15)
        self._picture_id = secrets.randbits(15)
        self._buffer = PacketBuffer(MAX_TRAIN_SIZE)
        self._opening = Opening()
        self._frames = self._packets = self._octets = 0

    def add(self, downlink: Downlink) -> None:
        """Shows this hub to a viewer from its next key frame on. One that sees another hub keeps it until then.

        Raises ``ValueError`` when the viewer receives no video, or not this codec.
        """
        lane = downlink.video
        if lane is None or not lane.takes(self.codec):
            raise ValueError(f"the viewer has not agreed to receive {self.codec}")
        self.feed(lane, downlink)

    def feed(self, lane: VideoLane, downlink: Downlink) -> None:
        """``add`` for one lane of a viewer who has several, which takes this codec."""
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
            self.drop(downlink.video)

    def drop(self, lane: VideoLane) -> None:
        """``remove`` for one lane."""
        lane.detach(self)
        self.forget(lane)

    @property
    def lag_ns(self) -> int:
        return self._lag_ns()

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
        self._frames += 1
        laid_out = _LaidOut(self._buffer, payloads, first, stamp)
        count, octets, keyframe, sent = len(payloads), sum(map(len, payloads)), frame.keyframe, 0
        viewers = self._viewers.now
        spread = Spread(len(viewers), octets) if keyframe else None
        for lane, downlink in viewers:
            if lane.source is None and not keyframe:
                self._open(lane, downlink.way, stamp)
            if lane.source is not self and not (keyframe and lane.awaited is self):
                continue
            former = None
            with lane.lock:
                if keyframe and lane.awaited is self:
                    former = lane.begin(self, first)
                    lane.history = self.history
                    lane.speak(self.codec)
                    lane.follow_on(stamp.timestamp)
                if lane.source is self:
                    lane.timestamp = stamp.timestamp + lane.shift & 0xFFFF_FFFF
                    self._send(lane, downlink.way, laid_out)
                    lane.next = first + lane.offset + count
                    lane.packets += count
                    lane.octets += octets
                    sent += 1
            if former is not None:
                former.forget(lane)
            if spread is not None:
                spread.sent()
        self._packets += sent * count
        self._octets += sent * octets
        self._opening.keep(first, payloads, keyframe=keyframe)

    def _open(self, lane: VideoLane, way: Way, stamp: Stamp) -> None:
        """Sends a newcomer what was sent since the last key frame, so that they see the frame of ``stamp``."""
        opening = self._opening.frames(stamp.timestamp)
        if not opening:
            return
        with lane.lock:
            if lane.awaited is not self or lane.source is not None:
                return
            lane.begin(self, opening[0][0].first)
            lane.history = self.history
            lane.speak(self.codec)
            lane.follow_on(opening[0][1])
            for (first, payloads), timestamp in opening:
                early = replace(stamp, timestamp=timestamp)
                lane.timestamp = timestamp + lane.shift & 0xFFFF_FFFF
                self._send(lane, way, _LaidOut(self._buffer, payloads, first, early))
                count, octets = len(payloads), sum(map(len, payloads))
                lane.next = first + lane.offset + count
                lane.packets += count
                lane.octets += octets
                self._packets += count
                self._octets += octets
            lane.opened = tuple((range(first, first + len(payloads)), at) for (first, payloads), at in opening)

    def _send(self, lane: VideoLane, way: Way, laid_out: "_LaidOut") -> None:
        """Copies, numbers, protects and sends one frame's trains. Holds the lane's lock."""
        # Lanes begin in the lower half of the 16 bits: most have the hub's numbers, or are half the way round from it.
        moulds = laid_out.moulds(lane.variant, lane.offset & 0x8000)
        renumber = lane.shift or lane.offset & 0x7FFF
        sequence = laid_out.first + lane.offset
        for mould in moulds:
            mould.pour()
            if renumber:
                sequence = mould.renumber(sequence, lane.timestamp)
            if lane.protector.protect_poured(mould):
                way.send_train(mould.datagrams, mould.stride)
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


class _LaidOut:
    """One frame's trains, laid out when the first viewer of a variant needs them."""

    def __init__(self, buffer: PacketBuffer, payloads: list[bytes], first: int, stamp: Stamp) -> None:
        self.first = first
        self._buffer = buffer
        self._groups = couple(payloads)
        self._stamp = stamp
        self._moulds: dict[tuple[Variant, int], list[Mould]] = {}

    def moulds(self, variant: Variant, offset: int) -> list[Mould]:
        """For viewers whose sequence numbers are this far from the hub's."""
        key = (variant, offset)
        found = self._moulds.get(key)
        if found is None:
            found = self._moulds[key] = [
                Mould(self._buffer, train.plain, train.stride, train.lengths, train.size)
                for train in lay_out(self._groups, self.first + offset, self._stamp, variant)
            ]
        return found

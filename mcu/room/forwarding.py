"""One participant's media on its way to others as it was sent: whole frames in, packets of ours out.

Frames come whole from the depacketiser and are laid out anew, so SSRCs, numbers, timestamps and repairs are the room's,
and a viewer can be led from a source to another or to a composite without a break (``mcu/rtc/lane.py``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mcu.clock import NS_PER_MS, Clock
from mcu.frames import AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ, AudioPacket, EncodedFrame, ReceivedFrame
from mcu.media.picture_format import PictureFormat, picture_format
from mcu.media.retiming import Retiming
from mcu.room.forward_thread import ForwardThread
from mcu.rtc import OutgoingIdentity
from mcu.rtc.downlink import Downlink, SoundLane, VideoLane
from mcu.rtc.sender import VideoFanout
from mcu.rtc.sound_forward import ForwardedSound, SoundForward

KEYFRAME_INTERVAL_NS: Final = 500 * NS_PER_MS
"""Between two requests to a source, however many viewers ask."""
KEYFRAME_PATIENCE_NS: Final = 1000 * NS_PER_MS
"""After so long without one, it is asked for again."""


BASELINE: Final = (0, 66)
"""Of H.264, the only profile that everybody who takes it has agreed to; 0: VP8."""


@dataclass(frozen=True, slots=True)
class ForwardStatistics:
    """``frames`` and ``keyframes`` that went out, ``requests`` for keyframes that were passed back to the source."""

    frames: int = 0
    keyframes: int = 0
    requests: int = 0
    viewers: int = 0
    waiting: int = 0


class PictureForward:
    """One source. Everything belongs to the event loop; ``captured(rtp_timestamp, arrived_ns)`` is the room time of
    a picture, where that is known. ``on_keyframe_wanted()`` asks the source. ``lag_ns()``: how much later its owner's
    voice of that time is in the mix.
    """

    def __init__(
        self,
        identity: OutgoingIdentity,
        clock: Clock,
        thread: ForwardThread,
        captured: Callable[[int, int], int | None],
        on_keyframe_wanted: Callable[[], None],
        lag_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        self.format: PictureFormat | None = None
        """Of the newest keyframe."""
        self.arrived_ns: int | None = None
        self.open = True
        self._identity = identity
        self._clock = clock
        self._thread = thread
        self._captured = captured
        self._on_keyframe_wanted = on_keyframe_wanted
        self._lag_ns = lag_ns
        self._fanout: VideoFanout | None = None
        self._times = Retiming(VIDEO_CLOCK_HZ)
        self._whole = False
        self._lost = 0
        self._wanted = False
        self._asked_ns: int | None = None
        self._frames = self._keyframes = self._requests = 0

    @property
    def fanout(self) -> VideoFanout | None:
        """What viewers are added to; another one when the source changes codec. None before its first keyframe."""
        return self._fanout

    @property
    def viewers(self) -> int:
        return self._fanout.statistics.viewers if self._fanout is not None else 0

    def push(self, frame: ReceivedFrame) -> None:
        """The next frame in decoding order. What nobody sees costs nothing but a look at keyframes."""
        self.arrived_ns = frame.arrived_ns
        if frame.keyframe:
            self._begin(frame)
        fanout = self._fanout
        if fanout is None or not self.open or not fanout.statistics.viewers:
            self._whole = False
            return
        if self._lost != self._thread.dropped:
            self._lost, self._whole = self._thread.dropped, False
        self._whole |= frame.keyframe
        if not self._whole:
            self.want_keyframe()
            return
        captured_ns = self._captured(frame.rtp_timestamp, frame.arrived_ns)
        time_ns = self._times.at(frame.rtp_timestamp, frame.arrived_ns if captured_ns is None else captured_ns)
        size = self.format.size if self.format is not None else None
        width, height = (size.width, size.height) if size is not None else (0, 0)
        encoded = EncodedFrame(frame.codec, frame.data, frame.keyframe, time_ns, width, height)
        self._frames += 1
        self._keyframes += frame.keyframe
        self._thread.put(lambda: fanout.write(encoded))

    def _begin(self, keyframe: ReceivedFrame) -> None:
        known = picture_format(keyframe.codec, keyframe.data)
        if known is not None:
            self.format = known
        if self._fanout is None or self._fanout.codec != keyframe.codec:
            former, self._fanout = self._fanout, VideoFanout(self._identity, keyframe.codec, self._clock, self._lag_ns)
            if former is not None:
                former.close()
        self._wanted = False

    def add(self, lane: VideoLane, downlink: Downlink) -> bool:
        """Shows the source to a viewer from its next keyframe on, which is asked for; False while there is none, and
        when the viewer doesn't take its codec.
        """
        fanout = self._fanout
        if fanout is None or not lane.takes(fanout.codec):
            return False
        if lane.source is not fanout and lane.awaited is not fanout:
            fanout.feed(lane, downlink)
            self.want_keyframe()
        return True

    def drop(self, lane: VideoLane) -> None:
        """Idempotent."""
        if self._fanout is not None:
            self._fanout.drop(lane)

    def close_gate(self, closed: bool) -> None:
        """Nothing goes on while the source is switched off by its owner or a moderator."""
        self.open = not closed
        self._whole &= self.open

    def want_keyframe(self) -> None:
        """Passed back to the source: at once, or as soon as the last request is old enough."""
        self._wanted = True
        self.look(self._clock.now_ns())

    def look(self, now_ns: int) -> None:
        """A few times a second: asks again while somebody waits."""
        waiting = self._fanout is not None and self._fanout.waiting > 0
        if not self.open or not (self._wanted or waiting):
            return
        pause_ns = KEYFRAME_INTERVAL_NS if self._wanted else KEYFRAME_PATIENCE_NS
        if self._asked_ns is None or now_ns - self._asked_ns >= pause_ns:
            self._asked_ns = now_ns
            self._wanted = False
            self._requests += 1
            self._on_keyframe_wanted()

    @property
    def statistics(self) -> ForwardStatistics:
        sent = self._fanout.statistics if self._fanout is not None else None
        viewers, waiting = (sent.viewers, sent.waiting) if sent is not None else (0, 0)
        return ForwardStatistics(self._frames, self._keyframes, self._requests, viewers, waiting)

    def close(self) -> None:
        """Lets go of every viewer. Idempotent."""
        if self._fanout is not None:
            self._fanout.close()


class VoiceForward:
    """One microphone; the event loop's. ``captured(rtp_timestamp)``: the room time of a packet, where that is known."""

    def __init__(
        self,
        identity: OutgoingIdentity,
        thread: ForwardThread,
        captured: Callable[[int], int | None],
        lag_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        self.packets = 0
        self._fanout = SoundForward(identity, lag_ns)
        self._thread = thread
        self._captured = captured
        self._times = Retiming(AUDIO_CLOCK_HZ, exact=True)
        self._open = True
        self._ssrc: int | None = None
        self._newest = 0
        self._timestamp = 0

    @property
    def listeners(self) -> int:
        return self._fanout.listeners

    def push(self, packet: AudioPacket) -> None:
        """The next packet in the order of the network."""
        if packet.ssrc != self._ssrc:
            self._ssrc, self._newest = packet.ssrc, self._newest + 1 & ~0xFFFF | packet.sequence_number
        step = (packet.sequence_number - self._newest + 0x8000 & 0xFFFF) - 0x8000
        sequence = self._newest + step
        pause = packet.rtp_timestamp - self._timestamp & 0xFFFF_FFFF > AUDIO_CLOCK_HZ // 10
        if step >= 0:
            self._newest, self._timestamp = sequence, packet.rtp_timestamp
        if not self._open or not self._fanout.listeners:
            return
        captured_ns = self._captured(packet.rtp_timestamp)
        time_ns = self._times.at(packet.rtp_timestamp, packet.arrived_ns if captured_ns is None else captured_ns)
        sound = ForwardedSound(packet.payload, sequence, time_ns, marker=step > 0 and pause)
        self.packets += 1
        self._thread.put(lambda: self._fanout.write(sound))

    def add(self, lane: SoundLane, downlink: Downlink) -> None:
        self._fanout.add(lane, downlink)

    def close_gate(self, closed: bool) -> None:
        """Nothing goes on of somebody who is muted."""
        self._open = not closed

    def drop(self, lane: SoundLane) -> None:
        self._fanout.drop(lane)

    def close(self) -> None:
        """Idempotent."""
        self._fanout.close()

"""One microphone's Opus packets, to everybody who hears them as they were sent.

Numbers follow the sender's, holes and all, so that a listener can tell what was lost from what was never sent.
"""

from collections.abc import Callable
from typing import NamedTuple

from mcu.rtc import rtp
from mcu.rtc.downlink import Downlink, SoundLane
from mcu.rtc.lane import Lane
from mcu.rtc.listener import OutgoingIdentity
from mcu.rtc.media_time import audio_time
from mcu.rtc.sound_fanout import MAX_OPUS_SIZE
from mcu.rtc.srtp import MAX_DATAGRAM, PacketBuffer
from mcu.rtc.viewers import Viewers


class ForwardedSound(NamedTuple):
    """``sequence`` counts without wrapping; ``time_ns`` is the room time of the first sample."""

    payload: bytes
    sequence: int
    time_ns: int
    marker: bool


class SoundForward:
    """``write`` belongs to the room's forwarding thread, the rest to the event loop. ``packets``: to all together."""

    def __init__(self, identity: OutgoingIdentity, lag_ns: Callable[[], int] = lambda: 0) -> None:
        self._lag_ns = lag_ns
        self.packets = 0
        self._ssrc = identity.audio_ssrc
        self._time = audio_time(identity)
        self._listeners = Viewers[SoundLane]()
        self._buffer = PacketBuffer(MAX_DATAGRAM)

    @property
    def listeners(self) -> int:
        return len(self._listeners.now)

    def add(self, lane: SoundLane, downlink: Downlink) -> None:
        """From the next packet on the lane carries this voice, and no other."""
        with lane.lock:
            if lane.closed or lane.source is self or lane.awaited is self:
                return
            formers = [former for former in (lane.source, lane.awaited) if former is not None]
            lane.source, lane.awaited = None, self
            self._listeners.add(lane, downlink)
        for former in formers:
            former.forget(lane)

    def drop(self, lane: SoundLane) -> None:
        """Afterwards the thread uses nothing of the lane. Idempotent."""
        lane.detach(self)
        self.forget(lane)

    @property
    def lag_ns(self) -> int:
        return self._lag_ns()

    def forget(self, lane: Lane) -> None:
        self._listeners.discard(lane, self)

    def write(self, sound: ForwardedSound) -> None:
        """Sends a packet to everybody who listens. What no encoder makes is left out."""
        if not 0 < len(sound.payload) <= MAX_OPUS_SIZE:
            return
        timestamp = self._time.rtp(sound.time_ns)
        for lane, downlink in self._listeners.now:
            with lane.lock:
                first = lane.awaited is self
                if first:
                    lane.begin(self, sound.sequence)
                if lane.source is self and sound.sequence + lane.offset >= lane.joined:
                    self._send(lane, downlink, sound, timestamp, marker=first or sound.marker)

    def _send(
        self, lane: SoundLane, downlink: Downlink, sound: ForwardedSound, timestamp: int, *, marker: bool
    ) -> None:
        """Numbers, protects and sends. Holds the lane's lock."""
        sequence, ssrc = sound.sequence + lane.offset, self._ssrc if lane.ssrc is None else lane.ssrc
        plain = rtp.header(lane.payload_type, marker, sequence, timestamp, ssrc) + sound.payload
        size = lane.protector.protect_numbered(self._buffer, plain, sequence & 0xFFFF)
        if size:
            downlink.way.send(self._buffer.view[:size])
        else:
            lane.failures += 1
        lane.next = max(lane.next, sequence + 1)
        lane.packets += 1
        lane.octets += len(sound.payload)
        self.packets += 1

    def close(self) -> None:
        """Lets go of every listener. Idempotent."""
        for lane, _ in self._listeners.now:
            self.drop(lane)

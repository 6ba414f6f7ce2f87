"""The fan-out of sound: one Opus packet for all who want it in the same form, one's own for those who speak.

Every listener has sequence numbers of their own, since they skip different packets: who agreed to DTX gets nothing in
a silence but its beginning and a sign of life now and then. Their numbers go on without a gap and the timestamps don't,
which is how RFC 3550 and RFC 7587 tell silence from loss.
"""

import secrets
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from mcu.frames import SoundForm, SoundPacket
from mcu.rtc import rtp
from mcu.rtc.downlink import Downlink, SoundLane
from mcu.rtc.lane import Lane
from mcu.rtc.listener import OutgoingIdentity
from mcu.rtc.media_time import audio_time
from mcu.rtc.srtp import MAX_DATAGRAM, PacketBuffer
from mcu.rtc.viewers import Viewers

MAX_OPUS_SIZE = 1275
"""The longest Opus frame (RFC 6716, 3.4), and about what a datagram carries across the Internet in one piece."""

_FORMS = tuple(SoundForm(packet_ms, channels) for packet_ms in (20, 40, 60) for channels in (1, 2))

_Viewers = tuple[tuple[SoundLane, Downlink], ...]


@dataclass(frozen=True, slots=True)
class AudioFanoutStatistics:
    """``ticks`` sent, ``packets`` to all listeners together, of which ``own`` held a mix of their own; ``spared``
    were left out because of DTX, ``refused`` because no encoder makes such.
    """

    ticks: int
    packets: int
    own: int
    spared: int
    refused: int
    listeners: int


class AudioFanout:
    """The sound of a room, or of a group in it.

    ``send``, ``deliver`` and ``listeners`` belong to the sound thread, ``add`` to any, everything else to the event
    loop. Fan-outs of one identity share SSRC and time, so a listener may go from one to another: the numbers go on.
    """

    def __init__(self, identity: OutgoingIdentity) -> None:
        self._ssrc = identity.audio_ssrc
        self._time = audio_time(identity)
        self._viewers = Viewers[SoundLane]()
        self._next = secrets.randbits(15)  # the first number of every listener
        self._sorted_from: _Viewers = ()
        self._by_form: Mapping[SoundForm, _Viewers] = {}
        self._buffer = PacketBuffer(MAX_DATAGRAM)
        self._ticks = self._packets = self._own = self._spared = self._refused = 0

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

    @property
    def lag_ns(self) -> int:
        return 0

    def forget(self, lane: Lane) -> None:
        self._viewers.discard(lane, self)

    @property
    def listeners(self) -> tuple[tuple[SoundLane, Downlink], ...]:
        """Who hears this; another tuple after every change, and the same one until then."""
        return self._viewers.now

    def send(self, payload: bytes, time_ns: int, own: Mapping[Downlink, bytes]) -> None:
        """Sends one tick in one form: ``payload`` to all but those in ``own``, who get theirs. ``time_ns`` is room
        time.
        """
        everyone = dict.fromkeys(_FORMS, SoundPacket(payload, time_ns))
        self.deliver(everyone, {who: SoundPacket(mix, time_ns) for who, mix in own.items()})

    def deliver(self, shared: Mapping[SoundForm, SoundPacket], own: Mapping[Downlink, SoundPacket | None]) -> None:
        """Sends what this tick completed: to each in ``own`` theirs, to everybody else the one of their form. A form
        that isn't there, like None, means that its packet is not complete yet.

        An Opus packet that is empty or longer than 1275 bytes is not sent, and counted.
        """
        self._ticks += 1
        viewers = self._viewers.now
        if viewers is not self._sorted_from:
            self._sorted_from, self._by_form = viewers, _by_form(viewers)
        for form, listeners in self._by_form.items():
            packet = shared.get(form)
            if packet is not None:
                self._send_all(listeners, packet, own)
        if own:
            mixes = [(viewer, mix) for viewer in viewers if (mix := own.get(viewer[1])) is not None]
            for viewer, mix in mixes:
                before = self._packets
                self._send_all((viewer,), mix, {})
                self._own += self._packets - before

    def _send_all(
        self, listeners: Sequence[tuple[SoundLane, Downlink]], packet: SoundPacket, but: Container[Downlink]
    ) -> None:
        """Sends one packet to all who hear it, ``but`` to some: the loop that a crowd's sound is made of, fifty times a
        second for each. A listener differs from the next in the number and the keys, so nothing else is done for each.
        """
        if not 0 < len(packet.payload) <= MAX_OPUS_SIZE:
            self._refused += sum(downlink not in but for _, downlink in listeners)
            return
        buffer, view, octets = self._buffer, self._buffer.view, len(packet.payload)
        plain: dict[tuple[int, bool], bytes] = {}
        for lane, downlink in listeners:
            if downlink in but:
                continue
            with lane.lock:
                if lane.source is not self:
                    if lane.awaited is not self:
                        continue
                    lane.begin(self, self._next)
                elif packet.spare and lane.dtx:
                    lane.paused = True
                    self._spared += 1
                    continue
                # RFC 3551, 4.1: the marker tells of the first sound after a silence in which packets were left out.
                variant = lane.payload_type, lane.paused and not packet.silent
                whole = plain.get(variant)
                if whole is None:
                    whole = plain[variant] = self._laid_out(packet, *variant)
                size = lane.protector.protect_numbered(buffer, whole, lane.next & 0xFFFF)
                if size:
                    downlink.way.send(view[:size])
                else:
                    lane.failures += 1
                if not packet.silent:
                    lane.paused = False
                lane.next += 1
                lane.packets += 1
                lane.octets += octets
                self._packets += 1

    def _laid_out(self, packet: SoundPacket, payload_type: int, marker: bool) -> bytes:
        """The plain packet, without a number."""
        return rtp.header(payload_type, marker, 0, self._time.rtp(packet.time_ns), self._ssrc) + packet.payload

    @property
    def statistics(self) -> AudioFanoutStatistics:
        return AudioFanoutStatistics(
            self._ticks, self._packets, self._own, self._spared, self._refused, len(self._viewers.now)
        )

    def close(self) -> None:
        """Lets go of every listener. Idempotent."""
        for lane, _ in self._viewers.now:
            lane.detach(self)
            self.forget(lane)


def _by_form(viewers: _Viewers) -> dict[SoundForm, _Viewers]:
    forms = dict.fromkeys(lane.form for lane, _ in viewers)
    return {form: tuple(viewer for viewer in viewers if viewer[0].form == form) for form in forms}

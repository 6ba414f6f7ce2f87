"""What the remote side says of the media it gets from us: reports, lost packets, its estimate of the way (RTCP)."""

from collections.abc import Callable, Sequence

from mcu.clock import Clock, ntp_from_wall
from mcu.rtc import rtcp
from mcu.rtc.listener import OutgoingIdentity, PeerListener, Reception


class RemoteFeedback:
    """Sorts what came in one peer's RTCP, and tells ``listener``. Event loop only.

    ``on_nack`` is called with the 16-bit sequence numbers of our video that the peer misses; the ``on_stream`` ones
    with the SSRC as well, for any other than the room's.
    """

    def __init__(
        self,
        listener: PeerListener,
        clock: Clock,
        identity: OutgoingIdentity,
        on_nack: Callable[[Sequence[int]], None],
        *,
        on_stream_nack: Callable[[int, Sequence[int]], None] = lambda ssrc, numbers: None,
        on_stream_keyframe: Callable[[int], None] = lambda ssrc: None,
    ) -> None:
        self._listener = listener
        self._clock = clock
        self._identity = identity
        self._on_nack = on_nack
        self._on_stream_nack = on_stream_nack
        self._on_stream_keyframe = on_stream_keyframe
        self._estimate_bps: int | None = None
        self._fraction_lost = 0.0
        self._round_trip_s: float | None = None
        self._audio_reports = self._video_reports = 0
        self.mean_round_trip_s: float | None = None
        """Of the last few reports; None before the first that tells."""

    def take(self, items: Sequence[rtcp.Item]) -> None:
        """What one compound packet says of us; sender reports are somebody else's."""
        for item in items:
            if isinstance(item, rtcp.ReportBlock):
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
        if rtcp.KeyframeRequest(self._identity.video_ssrc) in items:
            self._listener.on_keyframe_request()

    def _reported(self, block: rtcp.ReportBlock) -> None:
        if block.ssrc not in (self._identity.video_ssrc, self._identity.audio_ssrc):
            return
        if block.last_sr:
            now = ntp_from_wall(self._clock.wall_ns()) >> 16
            elapsed = (now - block.last_sr - block.delay_since_last_sr) & 0xFFFF_FFFF
            if elapsed < 0x8000_0000:  # beyond: the peer's clock, or its honesty, is off
                self._round_trip_s = elapsed / 65536
                mean_s = self.mean_round_trip_s or self._round_trip_s
                self.mean_round_trip_s = mean_s + (self._round_trip_s - mean_s) / 4
        fraction = block.fraction_lost / 256
        if block.ssrc == self._identity.audio_ssrc:
            self._audio_reports += 1
            reception = Reception("audio", fraction, self._round_trip_s, self._estimate_bps, self._audio_reports)
            self._listener.on_reception(reception)
            return
        self._video_reports += 1
        self._fraction_lost = fraction
        self._listener.on_reception(self._video_reception())

    def _video_reception(self) -> Reception:
        return Reception("video", self._fraction_lost, self._round_trip_s, self._estimate_bps, self._video_reports)

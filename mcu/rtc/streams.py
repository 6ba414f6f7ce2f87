"""The further lanes of one viewer: in each of them, one participant's own stream may be sent.

Which source a lane shows changes while it stands; its SSRC and its numbers go on.
"""

from collections.abc import Iterator

from mcu.rtc.downlink import SoundLane, VideoLane
from mcu.rtc.lane import Lane
from mcu.rtc.listener import Negotiated, OutgoingIdentity, StreamOut
from mcu.rtc.packetise import Variant
from mcu.rtc.srtp import SrtpKeys


class StreamLanes:
    """``video`` and ``audio`` in the order of the offer's sections. Made and closed with their downlink."""

    def __init__(self, negotiated: Negotiated, keys: SrtpKeys, identity: OutgoingIdentity) -> None:
        self.video: tuple[tuple[StreamOut, VideoLane], ...] = tuple(
            (stream, _video_lane(negotiated, keys, identity, stream)) for stream in negotiated.streams if stream.codecs
        )
        self.audio: tuple[tuple[StreamOut, SoundLane], ...] = tuple(
            (stream, _sound_lane(negotiated, keys, identity, stream))
            for stream in negotiated.streams
            if stream.audio_type is not None
        )
        self._by_ssrc: dict[int, VideoLane] = {lane.ssrc: lane for _, lane in self.video if lane.ssrc is not None}

    def __iter__(self) -> Iterator[Lane]:
        yield from (lane for _, lane in self.video)
        yield from (lane for _, lane in self.audio)

    def find(self, ssrc: int) -> VideoLane | None:
        """The lane of pictures under that SSRC."""
        return self._by_ssrc.get(ssrc)


def _video_lane(negotiated: Negotiated, keys: SrtpKeys, identity: OutgoingIdentity, stream: StreamOut) -> VideoLane:
    codec, types = next(iter(stream.codecs.items()))
    lane = VideoLane(keys, negotiated, types.payload_type)
    ours = identity.stream(stream.index)
    lane.ssrc, lane.rtx_ssrc, lane.types = ours.ssrc, ours.rtx_ssrc, stream.codecs
    lane.codec, lane.rtx_type = codec, types.rtx
    lane.variant = Variant(types.payload_type, stream.abs_send_time_ext, keys.tag_length, ours.ssrc)
    return lane


def _sound_lane(negotiated: Negotiated, keys: SrtpKeys, identity: OutgoingIdentity, stream: StreamOut) -> SoundLane:
    assert stream.audio_type is not None, "a lane of sound is made for a section of sound"
    lane = SoundLane(keys, negotiated, stream.audio_type)
    lane.ssrc = identity.stream(stream.index).ssrc
    return lane

"""One peer connection of a participant, and where what it brings goes."""

from collections.abc import Callable

import structlog

from mcu.frames import AudioPacket, ReceivedFrame, SenderReport
from mcu.media.decoding import VideoDecoding
from mcu.media.lipsync import LipSync
from mcu.media.playout import Playout
from mcu.protocol.models import Connection
from mcu.room.forwarding import PictureForward, VoiceForward
from mcu.rtc import Peer
from mcu.rtc.downlink import Downlink
from mcu.rtc.listener import PeerState, Reception

log = structlog.get_logger()


class Link:
    """Listens to a peer (``PeerListener``) on the event loop. Media goes straight to its mailboxes, news to the room
    through the callables: ``on_state(link, state, reason)`` and ``on_keyframe_request(link)``.
    """

    def __init__(
        self,
        participant: str,
        connection: Connection,
        *,
        decoding: VideoDecoding,
        playout: Playout | None,
        lipsync: LipSync | None,
        forwarded: PictureForward | None = None,
        voice: VoiceForward | None = None,
        on_state: Callable[["Link", PeerState, str], None],
        on_keyframe_request: Callable[["Link"], None],
    ) -> None:
        self.participant = participant
        self.connection: Connection = connection
        self.connected = False
        self.watches_view = True
        """Else what they see is others' own streams."""
        self.hears_mix = True
        """Else what they hear is others' own voices."""
        self.reception: dict[str, Reception] = {}
        self.served: Downlink | None = None
        """Where hubs and mixes were sent to; kept after the peer has failed, so that they can let go of it."""
        self._peer: Peer | None = None
        self._decoding = decoding
        self._playout = playout
        self._lipsync = lipsync
        self._forwarded = forwarded
        self._voice = voice
        self._video_ssrc: int | None = None
        self._audio_ssrc: int | None = None
        self._on_state = on_state
        self._on_keyframe_request = on_keyframe_request

    @property
    def peer(self) -> Peer:
        assert self._peer is not None, "a link is given its peer before anything can call it"
        return self._peer

    @peer.setter
    def peer(self, peer: Peer) -> None:
        self._peer = peer

    @property
    def listening(self) -> Downlink | None:
        """Where the participant hears the room; None while they don't."""
        negotiated = self.peer.negotiated
        hears = self.connected and negotiated is not None and negotiated.audio_out is not None
        return self.peer.downlink if hears and self.hears_mix else None

    @property
    def watching(self) -> Downlink | None:
        """Where the participant sees a view of the room; None while they don't."""
        served = self.served
        watches = self.connected and self.watches_view
        return served if watches and served is not None and served.video is not None else None

    def on_video(self, frame: ReceivedFrame) -> None:
        self._video_ssrc = frame.ssrc
        if self._lipsync is not None:
            self._lipsync.arrived(frame)
        self._decoding.push(frame)
        if self._forwarded is not None:
            self._forwarded.push(frame)

    def on_audio(self, packet: AudioPacket) -> None:
        self._audio_ssrc = packet.ssrc
        if self._playout is not None:
            self._playout.push(packet)
        if self._voice is not None:
            self._voice.push(packet)

    def on_sender_report(self, report: SenderReport) -> None:
        if self._playout is not None and report.ssrc == self._audio_ssrc:
            self._playout.sender_report(report)
        elif self._lipsync is not None and report.ssrc == self._video_ssrc:
            self._lipsync.reported(report)

    def on_keyframe_request(self) -> None:
        self._on_keyframe_request(self)

    def on_reception(self, reception: Reception) -> None:
        self.reception[reception.kind] = reception
        lane = self.served.audio if self.served is not None else None
        if reception.kind == "audio" and lane is not None:
            lane.fraction_lost = reception.fraction_lost

    def on_state(self, state: PeerState, reason: str) -> None:
        self.connected = state == "connected"
        log.info(
            "connection_state",
            participant=self.participant,
            connection=self.connection,
            state=state,
            reason=reason,
        )
        self._on_state(self, state, reason)

    async def close(self) -> None:
        if self._peer is not None:
            await self._peer.close()

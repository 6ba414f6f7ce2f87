"""How participants' peer connections come, are replaced, and go."""

from collections.abc import Callable

from mcu.chores import Chores
from mcu.clock import Clock
from mcu.config import EngineConfig
from mcu.errors import Conflict
from mcu.protocol.models import Connection, Source
from mcu.protocol.streams import MAX_STREAMS
from mcu.room.forwards import Forwarding
from mcu.room.link import Link
from mcu.room.participant import Participant
from mcu.room.streams import Streams
from mcu.room.views import Views
from mcu.rtc import OutgoingIdentity, Peer, RtcTicker
from mcu.rtc.channels import ChannelNews
from mcu.rtc.listener import PeerState

_SOURCES: dict[Connection, Source] = {"main": "camera", "screen": "screen", "data": "camera"}
"""Whose pictures a connection brings; one of data channels alone brings none."""


class Connections:
    """Makes peers for a room's participants and connects them with the room's views. On the event loop only. The sound
    thread finds their downlinks in its snapshot; a peer that is closed is in no fan-out any more.

    ``on_change(participant, connection, alive, reason)`` is told whenever the current connection of somebody starts
    or stops to work; what a replaced connection does is nobody's news. ``on_channel(participant, connection, news)``
    is told of data channels.
    """

    def __init__(
        self,
        config: EngineConfig,
        identity: OutgoingIdentity,
        clock: Clock,
        ticker: RtcTicker,
        views: Views,
        forwarding: Forwarding,
        streams: Streams,
        *,
        on_change: Callable[[Participant, Connection, bool, str], None],
        on_channel: Callable[[Participant, Connection, ChannelNews], None],
    ) -> None:
        self._config = config
        self._identity = identity
        self._clock = clock
        self._ticker = ticker
        self._views = views
        self._forwarding = forwarding
        self._streams = streams
        self._on_change = on_change
        self._on_channel = on_channel
        self._chores = Chores("connections")

    async def offer(self, participant: Participant, connection: Connection, sdp: str) -> str:
        """Answers an offer with a new peer; the old one of the same kind goes once the new one is agreed on.
        Raises BadRequest (``codec_mismatch`` among others), and then the old connection lives on.
        """
        forwards = self._forwarding.of(participant)
        link = Link(
            participant.id,
            connection,
            decoding=participant.decodings[_SOURCES[connection]],
            playout=participant.playout if connection == "main" else None,
            lipsync=participant.lipsync if connection == "main" else None,
            forwarded=forwards.pictures[_SOURCES[connection]],
            voice=forwards.voice if connection == "main" else None,
            on_state=lambda link, state, reason: self._state(participant, link, state, reason),
            on_keyframe_request=lambda link: self._keyframe_request(link),
        )
        label = f"{participant.id}/{connection}"
        peer = Peer(
            self._config.rtc,
            self._identity,
            link,
            self._clock,
            label,
            ticker=self._ticker,
            streams=MAX_STREAMS if connection == "main" and self._streams.serves(participant) else 0,
            on_stream_keyframe=lambda ssrc: self._stream_keyframe(link, ssrc),
            on_channel=lambda news: self._on_channel(participant, connection, news),
            media=connection != "data",
        )
        link.peer = peer
        try:
            answer = await peer.answer(sdp)
            self._streams.check_agreed(participant, peer.negotiated)
        except BaseException:
            await peer.close()
            raise
        old = participant.links.get(connection)
        participant.links[connection] = link
        if old is not None:
            self._chores.start(self._retire(old))
        return answer

    async def add_candidate(
        self,
        participant: Participant,
        connection: Connection,
        candidate: str | None,
        sdp_mid: str | None,
        sdp_m_line_index: int | None,
    ) -> None:
        """Raises Conflict before the first offer, BadRequest for what isn't a candidate."""
        link = participant.links.get(connection)
        if link is None:
            raise Conflict(f"there is no {connection} connection yet: send an offer first")
        await link.peer.add_candidate(candidate, sdp_mid, sdp_m_line_index)

    def request_keyframe(self, participant: Participant, source: Source) -> None:
        link = participant.links.get("main" if source == "camera" else "screen")
        if link is not None and link.connected:
            link.peer.request_keyframe()

    async def drop(self, participant: Participant, connection: Connection) -> None:
        """Closes one connection without news to anybody. Idempotent."""
        link = participant.links.pop(connection, None)
        if link is not None:
            await self._retire(link)

    async def drop_all(self, participant: Participant) -> None:
        for connection in list(participant.links):
            await self.drop(participant, connection)
        self._forwarding.forget(participant)

    async def close(self) -> None:
        await self._chores.close()

    def _state(self, participant: Participant, link: Link, state: PeerState, reason: str) -> None:
        if participant.links.get(link.connection) is not link:
            return
        if state == "connected":
            self._watch(participant, link)
            self._on_change(participant, link.connection, True, reason)
        elif state in ("failed", "closed"):
            del participant.links[link.connection]
            self._chores.start(self._retire(link))
            self._on_change(participant, link.connection, False, reason)

    async def watch(self, participant: Participant) -> None:
        """Shows a participant who is here already their view in their tier; returns when they see it."""
        link = participant.links.get("main")
        downlink = link.watching if link is not None else None
        codec = downlink.negotiated.video_out_codec if downlink is not None else None
        if downlink is not None and codec is not None:
            await self._views.move_viewer(downlink, codec, participant.view, participant.tier)

    def _watch(self, participant: Participant, link: Link) -> None:
        downlink, negotiated = link.peer.downlink, link.peer.negotiated
        if link.connection != "main" or downlink is None or negotiated is None:
            return
        link.served = downlink
        if self._streams.serves(participant):
            link.watches_view = False
            self._streams.attach(participant, link, downlink)
            return
        if negotiated.video_out_codec is not None:
            self._views.add_viewer(downlink, negotiated.video_out_codec, participant.view, participant.tier)

    def _keyframe_request(self, link: Link) -> None:
        if link.served is not None:
            self._views.request_keyframe(link.served)
            self._streams.request_keyframe(link, link.served.video)

    def _stream_keyframe(self, link: Link, ssrc: int) -> None:
        further = link.peer.streams
        if further is not None:
            self._streams.request_keyframe(link, further.find(ssrc))

    async def _retire(self, link: Link) -> None:
        self._streams.detach(link)
        served, link.served = link.served, None
        if served is not None:
            await self._views.remove_viewer(served)
        await link.close()

"""One connection with one client: from its offer to its last datagram.

::

    answer() ──▶ connecting ──▶ connected ──┐
                     │              │       │ close()
                     └──▶ failed ◀──┘       ▼
                             └───────────▶ closed

The client always offers. ``failed`` stops all media at once, but sockets are freed by ``close()``, which the owner
calls in every case. All methods belong to the event loop.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from mcu.clock import NS_PER_MS, NS_PER_S, Clock
from mcu.errors import Conflict
from mcu.network import RtcSettings
from mcu.rtc.agreement import Agreement
from mcu.rtc.answer import write_answer
from mcu.rtc.binding import DatagramCounts, DataLink
from mcu.rtc.candidates import CandidateIntake
from mcu.rtc.channels import ChannelNews
from mcu.rtc.listener import Negotiated, OutgoingIdentity, PeerListener, PeerState
from mcu.rtc.media import MediaSession
from mcu.rtc.negotiation import negotiate
from mcu.rtc.receiver import ReceiverStatistics
from mcu.rtc.sdp import parse_offer
from mcu.rtc.sender import Downlink
from mcu.rtc.streams import StreamLanes
from mcu.rtc.ticker import RtcTicker
from mcu.rtc.transport import Transport

CLOSE_TIMEOUT_S = 1.0

_RANK: dict[PeerState, int] = {"connecting": 0, "connected": 1, "failed": 2, "closed": 3}


@dataclass(frozen=True, slots=True)
class PeerStatistics:
    """A reading of one connection. ``last_packet_ns`` is the monotonic time of the last RTP or RTCP; None before it."""

    state: PeerState
    connect_ms: int | None
    last_packet_ns: int | None
    candidates_refused: int
    dropped: DatagramCounts
    faults: int
    receiver: ReceiverStatistics | None


class Peer:
    """A connection that receives through ``listener`` and sends through ``downlink``.

    ``downlink`` is set just before ``on_state("connected")`` and closed before ``on_state("failed")`` or
    ``on_state("closed")``. ``label`` names the peer in logs; at ``epoch_ns``, monotonic, room time is 0.
    Of each kind, up to ``streams`` further sections are taken in which participants' own streams may be sent;
    ``on_stream_keyframe(ssrc)`` is called for the keyframes that the remote side wants there.
    ``on_channel`` hears of the data channels that the remote side opens; without ``media`` there is nothing else.
    """

    def __init__(
        self,
        settings: RtcSettings,
        identity: OutgoingIdentity,
        listener: PeerListener,
        clock: Clock,
        label: str,
        *,
        ticker: RtcTicker,
        epoch_ns: int = 0,
        streams: int = 0,
        on_stream_keyframe: Callable[[int], None] = lambda ssrc: None,
        on_channel: Callable[[ChannelNews], None] | None = None,
        media: bool = True,
    ) -> None:
        self._further = streams
        self._on_stream_keyframe = on_stream_keyframe
        self._settings = settings
        self._identity = identity
        self._listener = listener
        self._clock = clock
        self._ticker = ticker
        self._epoch_ns = epoch_ns
        self._on_channel = on_channel
        self._carries_media = media
        self._log = structlog.get_logger().bind(peer=label)
        self._state: PeerState | None = None
        self._candidates = CandidateIntake(settings)
        self._transport: Transport | None = None
        self._negotiated: Negotiated | None = None
        self._media: MediaSession | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._started_ns = 0
        self._last = PeerStatistics("connecting", None, None, 0, DatagramCounts(), 0, None)

    @property
    def state(self) -> PeerState:
        return self._state or "connecting"

    @property
    def negotiated(self) -> Negotiated | None:
        """What was agreed on; None before the answer."""
        return self._negotiated

    @property
    def downlink(self) -> Downlink | None:
        """The way out; only while connected."""
        return self._media.downlink if self._media is not None else None

    @property
    def streams(self) -> StreamLanes | None:
        """The further lanes out; only while connected."""
        return self._media.streams if self._media is not None else None

    @property
    def data(self) -> DataLink | None:
        """Where its data channels are spoken on; only while connected, and where it asked for them."""
        return self._transport.data if self._transport is not None else None

    @property
    def last_packet_ns(self) -> int | None:
        """Monotonic time of the last RTP or RTCP of the remote side; None before it."""
        return self._media.last_packet_ns if self._media is not None else self._last.last_packet_ns

    async def answer(self, offer_sdp: str) -> str:
        """The answer, with all our candidates in it; connecting begins.

        Raises ``BadRequest`` (``bad_sdp``, ``no_common_codec``), after which another offer may be tried; ``Conflict``
        (``wrong_state``) for a second offer or once closed; ``Internal`` when no address could be bound, which closes
        the peer.
        """
        if self._transport is not None or self._closing is not None:
            raise Conflict("a connection takes one offer; open another connection for the next")
        offer, settings = parse_offer(offer_sdp), self._settings
        agreement = negotiate(
            offer, settings.codecs, dtls_server=settings.dtls_server, media=self._carries_media, streams=self._further
        )
        transport = Transport(settings, self._clock, agreement, on_media=self._on_media, on_lost=self.fail)
        self._transport = transport
        try:
            return await self._begin(transport, agreement)
        except BaseException:
            await self.close()
            # Sockets may have been bound while close was busy with the earlier ones.
            await transport.free_sockets()
            raise

    async def _begin(self, transport: Transport, agreement: Agreement) -> str:
        await transport.gather()
        if self._closing is not None:
            raise Conflict("the connection was closed")
        local = await transport.begin(self._candidates)
        text = write_answer(agreement, local, self._identity, secrets.randbits(62))
        self._negotiated = agreement.negotiated
        self._started_ns = self._clock.now_ns()
        self._connecting = asyncio.create_task(self._connect(transport, agreement.negotiated), name="rtc-connect")
        self._move("connecting", "offer_answered")
        self._ticker.add(self)
        return text

    async def add_candidate(
        self, candidate: str | None, sdp_mid: str | None = None, sdp_m_line_index: int | None = None
    ) -> None:
        """A trickled candidate of the remote side, before or after its offer; None or "" is the end of them.

        What may not be reached, is beyond the bound or belongs to a section without a transport is counted and
        ignored. Raises ``BadRequest`` (``bad_candidate``) for what is no candidate.
        """
        if not candidate or self._closing is not None or self._state in ("connected", "failed"):
            return
        admitted = self._candidates.take(candidate, sdp_mid, sdp_m_line_index)
        if admitted is not None and self._transport is not None:
            await self._transport.add(admitted)

    async def _connect(self, transport: Transport, negotiated: Negotiated) -> None:
        stage = "ice_failed"
        try:
            await transport.reach()
            stage = "dtls_failed"
            if not await transport.secure():
                self.fail(stage)
                return
            stage = "media_failed"
            self._open_media(transport, negotiated)
            if self._state == "connected":
                await transport.open_data(self._on_channel)
        except Exception as error:
            # The boundary to aioice, aiortc and OpenSSL: whatever they throw, this connection is over and no other.
            self._log.warning("connecting_failed", stage=stage, error=repr(error))
            self.fail(stage)

    def _open_media(self, transport: Transport, negotiated: Negotiated) -> None:
        path, keys = transport.path, transport.keys
        # A time-out may have come first.
        if self._state != "connecting" or path is None or keys is None:
            return
        self._media = MediaSession(
            keys,
            negotiated,
            path,
            self._identity,
            self._listener,
            self._clock,
            self._log,
            epoch_ns=self._epoch_ns,
            on_stream_keyframe=self._on_stream_keyframe,
        )
        transport.attend()
        self._last = replace(self._last, connect_ms=(self._clock.now_ns() - self._started_ns) // NS_PER_MS)
        self._move("connected", "dtls_finished")

    def _on_media(self, data: bytes) -> None:
        if self._media is not None:
            self._media.datagram(data)

    def tick(self, now_ns: int) -> int | None:
        """Driven by the ticker: the time-out while connecting, the rhythm of the media afterwards."""
        if self._media is not None:
            return self._media.tick(now_ns, self._transport.path if self._transport is not None else None)
        if now_ns - self._started_ns >= self._settings.connect_timeout_s * NS_PER_S:
            self.fail("connect_timeout")
        return None

    def request_keyframe(self) -> None:
        """Asks the remote side for a key frame; throttled, and without effect before its first video."""
        if self._media is not None:
            self._media.receiver.request_keyframe()

    def limit_bitrate(self, bitrate_bps: int) -> None:
        """Sets what the remote side's video may take; it hears of it within a second."""
        if self._media is not None:
            self._media.receiver.limit_bitrate(bitrate_bps)

    @property
    def received_octets(self) -> int:
        """Octets of media and RTCP that came from the remote side since it connected; 0 before."""
        return self._media.receiver.octets if self._media is not None else 0

    def fail(self, reason: str) -> None:
        """Ends the media of a connection that has no future; ``close`` still has to follow. Idempotent."""
        if self._closing is None and self._state in ("connecting", "connected"):
            self._stop_media()
            self._move("failed", reason)

    def _stop_media(self) -> None:
        self._ticker.remove(self)
        self._last = self.statistics
        media, self._media = self._media, None
        if media is not None:
            media.close()

    def _move(self, state: PeerState, reason: str) -> None:
        if self._state is not None and _RANK[state] <= _RANK[self._state]:
            return
        self._state = state
        self._log.info("peer_state", state=state, reason=reason)
        self._listener.on_state(state, reason)

    async def close(self) -> None:
        """Frees everything within ``CLOSE_TIMEOUT_S``, in every state. Idempotent, also at once."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._shut_down(), name="rtc-close")
        await asyncio.shield(self._closing)

    async def _shut_down(self) -> None:
        self._stop_media()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if self._connecting is not None:
                    self._connecting.cancel()
                    await asyncio.gather(self._connecting, return_exceptions=True)
                if self._transport is not None:
                    await self._transport.close()
        except Exception as error:
            # The boundary to aioice and aiortc at the end of a connection: nobody is left to handle it.
            self._log.error("peer_close_failed", exc_info=error)
            if self._transport is not None:
                self._transport.abort()
        self._move("closed", "closed")

    @property
    def statistics(self) -> PeerStatistics:
        last, media = self._last, self._media
        return replace(
            last,
            state=self.state,
            candidates_refused=self._candidates.refused,
            dropped=replace(self._transport.counts) if self._transport is not None else last.dropped,
            last_packet_ns=media.last_packet_ns if media is not None else last.last_packet_ns,
            faults=media.faults if media is not None else last.faults,
            receiver=media.receiver.statistics if media is not None else last.receiver,
        )

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
import copy
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from mcu.clock import NS_PER_MS, NS_PER_S, Clock
from mcu.errors import Conflict, Internal
from mcu.network import RtcSettings
from mcu.rtc.agreement import SCTP_PORT, Agreement, RemoteTransport
from mcu.rtc.answer import LocalTransport, write_answer
from mcu.rtc.binding import DatagramCounts, DataLink, DtlsLink, IceAgent, IceOptions
from mcu.rtc.candidates import CandidateIntake
from mcu.rtc.certificate import process_certificate
from mcu.rtc.channels import ChannelNews
from mcu.rtc.interfaces import chosen_addresses
from mcu.rtc.listener import Negotiated, OutgoingIdentity, PeerListener, PeerState
from mcu.rtc.media import MediaSession
from mcu.rtc.negotiation import negotiate
from mcu.rtc.receiver import ReceiverStatistics
from mcu.rtc.sdp import parse_offer
from mcu.rtc.sender import Downlink
from mcu.rtc.streams import StreamLanes
from mcu.rtc.ticker import RtcTicker

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
        self._ice: IceAgent | None = None
        self._dtls: DtlsLink | None = None
        self._data: DataLink | None = None
        self._agreement: Agreement | None = None
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
        return self._agreement.negotiated if self._agreement is not None else None

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
        return self._data

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
        if self._ice is not None or self._closing is not None:
            raise Conflict("a connection takes one offer; open another connection for the next")
        settings = self._settings
        agreement = negotiate(
            parse_offer(offer_sdp),
            settings.codecs,
            dtls_server=settings.dtls_server,
            media=self._carries_media,
            streams=self._further,
        )
        ice = self._ice = IceAgent(
            self._ice_options(),
            controlling=agreement.transport.ice_lite,
            on_media=self._on_media,
            on_lost=self.fail,
        )
        try:
            return await self._begin(ice, agreement)
        except BaseException:
            await self.close()
            # Sockets may have been bound while close was busy with the earlier ones.
            await ice.close()
            raise

    async def _begin(self, ice: IceAgent, agreement: Agreement) -> str:
        certificate = process_certificate.current(self._clock.now_ns())
        await ice.gather_candidates()
        if self._closing is not None:
            raise Conflict("the connection was closed")
        local = self._local_candidates(ice)
        if not local:
            raise Internal("no address for media could be bound")
        for candidate in self._candidates.open(agreement.transport):
            await ice.add(candidate)
        transport = LocalTransport(ice.local_username, ice.local_password, certificate.fingerprint, local)
        text = write_answer(agreement, transport, self._identity, secrets.randbits(62))
        self._agreement = agreement
        dtls = self._dtls = DtlsLink(ice, certificate)
        self._started_ns = self._clock.now_ns()
        self._connecting = asyncio.create_task(self._connect(ice, dtls, agreement), name="rtc-connect")
        self._move("connecting", "offer_answered")
        self._ticker.add(self)
        return text

    def _ice_options(self) -> IceOptions:
        settings = self._settings
        return IceOptions(
            chosen_addresses(settings),
            settings.port_range,
            settings.consent_interval_s,
            settings.consent_failures,
            ipv6=settings.ipv6,
        )

    def _local_candidates(self, ice: IceAgent) -> tuple[str, ...]:
        local, announced = ice.local_candidates, self._settings.announced_address
        if announced is not None:
            local = [copy.copy(one) for one in local]
            for one in local:
                if (":" in one.host) == (":" in announced):
                    one.host = announced
        return tuple(one.to_sdp() for one in local)

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
        if admitted is not None and self._ice is not None:
            await self._ice.add(admitted)

    async def _connect(self, ice: IceAgent, dtls: DtlsLink, agreement: Agreement) -> None:
        remote: RemoteTransport = agreement.transport
        ice.set_remote(remote.ice_ufrag, remote.ice_pwd, lite=remote.ice_lite)
        stage = "ice_failed"
        try:
            await ice.connect()
            stage = "dtls_failed"
            if not await dtls.handshake(remote):
                self.fail(stage)
                return
            stage = "media_failed"
            self._open_media(ice, dtls, agreement.negotiated)
            if agreement.data is not None and self._state == "connected":
                self._data = DataLink(dtls, self._clock, self._on_channel)
                await self._data.open(agreement.data.sctp_port or SCTP_PORT)
        except Exception as error:
            # The boundary to aioice, aiortc and OpenSSL: whatever they throw, this connection is over and no other.
            self._log.warning("connecting_failed", stage=stage, error=repr(error))
            self.fail(stage)

    def _open_media(self, ice: IceAgent, dtls: DtlsLink, negotiated: Negotiated) -> None:
        path, keys = ice.path, dtls.keys
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
        dtls.on("statechange", self._on_dtls_state)
        self._last = replace(self._last, connect_ms=(self._clock.now_ns() - self._started_ns) // NS_PER_MS)
        self._move("connected", "dtls_finished")

    def _on_media(self, data: bytes) -> None:
        if self._media is not None:
            self._media.datagram(data)

    def _on_dtls_state(self) -> None:
        if self._dtls is not None and self._dtls.state in ("closed", "failed"):
            self.fail("closed_by_remote")

    def tick(self, now_ns: int) -> int | None:
        """Driven by the ticker: the time-out while connecting, the rhythm of the media afterwards."""
        if self._media is not None:
            return self._media.tick(now_ns, self._ice.path if self._ice is not None else None)
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
                if self._data is not None:
                    await self._data.close()
                if self._dtls is not None:
                    await self._dtls.close()
                if self._ice is not None:
                    await self._ice.close()
        except Exception as error:
            # The boundary to aioice and aiortc at the end of a connection: nobody is left to handle it.
            self._log.error("peer_close_failed", exc_info=error)
            if self._ice is not None:
                self._ice.abort()
        self._move("closed", "closed")

    @property
    def statistics(self) -> PeerStatistics:
        last, media = self._last, self._media
        return replace(
            last,
            state=self.state,
            candidates_refused=self._candidates.refused,
            dropped=replace(self._ice.counts) if self._ice is not None else last.dropped,
            last_packet_ns=media.last_packet_ns if media is not None else last.last_packet_ns,
            faults=media.faults if media is not None else last.faults,
            receiver=media.receiver.statistics if media is not None else last.receiver,
        )

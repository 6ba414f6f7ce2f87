"""ICE: an agent whose media goes to a callback, and that lets nothing through from strangers."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import aioice
import structlog
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, StunProtocol
from aioice.stun import Message, TransactionError

from mcu.rtc.ice import RemoteCandidate
from mcu.rtc.sockets import open_media_socket

log = structlog.get_logger()

MAX_VALIDATED = 64
"""Addresses one peer may prove to be its own over the life of a connection: every change of network is one or two."""
MAX_DTLS_BYTES = 2048
MAX_DTLS_WAITING = 32


class DtlsPipe:
    """What a DTLS transport believes to be its ICE transport: a short queue in, the ICE path out."""

    role = "controlled"

    def __init__(self, ice: "IceAgent") -> None:
        self._ice = ice
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MAX_DTLS_WAITING)

    def put(self, data: bytes) -> None:
        try:
            self._waiting.put_nowait(data)
        except asyncio.QueueFull:
            self._ice.counts.overflow += 1

    async def _recv(self) -> bytes:
        return await self._waiting.get()

    async def _send(self, data: bytes) -> None:
        await self._ice.send(data)


@dataclass(slots=True)
class DatagramCounts:
    """Datagrams that were dropped before anything read them, by reason."""

    foreign: int = 0
    """Media or DTLS from an address that ICE hasn't validated."""
    unknown: int = 0
    """Empty, or of no protocol that is spoken here (RFC 7983)."""
    oversized: int = 0
    overflow: int = 0
    """DTLS that came faster than it was read."""
    stun: int = 0
    """STUN that could not be read, or that asked for too much."""


@dataclass(frozen=True, slots=True)
class IceOptions:
    """How one agent binds and how it watches its path."""

    host_addresses: tuple[str, ...] | None
    port_range: tuple[int, int] | None
    consent_interval_s: float
    consent_failures: int
    ipv6: bool = True


@dataclass(frozen=True, slots=True)
class IcePath:
    """The pair that ICE chose. ``protocol`` is the local socket's, and only compared for identity outside this file."""

    protocol: StunProtocol
    remote_address: tuple[str, int]

    def fileno(self) -> int:
        """The descriptor of the local UDP socket; it belongs to the agent, so whoever keeps it duplicates it."""
        return int(self.protocol.transport.get_extra_info("socket").fileno())


class _MediaProtocol(StunProtocol):
    """A socket that sorts what arrives (RFC 7983) and lets only what belongs to the peer pass."""

    receiver: "IceAgent"

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        self.receiver.sort_datagram(self, cast(bytes, data), addr)

    def read_stun(self, data: bytes, addr: tuple[Any, ...]) -> None:
        super().datagram_received(data, addr)


class IceAgent(aioice.Connection):
    """An ICE agent whose media goes to a callback instead of a queue.

    Only addresses that have proved to know the ICE password get through to DTLS and media, so a stranger who finds
    the port can neither disturb a handshake nor spend our CPU.
    """

    def __init__(
        self,
        options: IceOptions,
        *,
        controlling: bool,
        on_media: Callable[[bytes], None],
        on_lost: Callable[[str], None],
    ) -> None:
        super().__init__(ice_controlling=controlling, use_ipv6=options.ipv6)
        self.counts = DatagramCounts()
        self.dtls: DtlsPipe = DtlsPipe(self)
        self._options = options
        self._on_media = on_media
        self._on_lost = on_lost
        self._validated: set[tuple[str, int]] = set()
        self._stun_faults = 0

    @property
    def path(self) -> IcePath | None:
        """What ICE has chosen by now; it may choose again at any time."""
        pair = self._nominated.get(1)
        return IcePath(pair.protocol, pair.remote_addr) if pair is not None else None

    def set_remote(self, ufrag: str, pwd: str, *, lite: bool) -> None:
        self.remote_username, self.remote_password, self.remote_is_lite = ufrag, pwd, lite

    async def add(self, candidate: RemoteCandidate) -> None:
        """A candidate that ``mcu.rtc.ice.refusal`` let pass.

        The end of candidates is not told to aioice: it would then fail a peer that has none to give (mDNS) but finds
        us by itself. The time-out of the connection ends what leads nowhere.
        """
        await self.add_remote_candidate(
            aioice.Candidate(
                candidate.foundation, candidate.component, candidate.transport, candidate.priority,
                candidate.host, candidate.port, candidate.kind,
            )
        )  # fmt: skip

    def abort(self) -> None:
        """Closes the sockets without waiting for anything; for when ``close`` doesn't come to its end."""
        for protocol in self._protocols:
            protocol.transport.abort()

    def sort_datagram(self, protocol: _MediaProtocol, data: bytes, addr: tuple[Any, ...]) -> None:
        """Media is the common case and comes first. RFC 7983: 0-3 STUN, 20-63 DTLS, 128-191 RTP and RTCP."""
        first = data[0] if data else 255
        if 127 < first < 192:
            if addr[:2] in self._validated:
                self._on_media(data)
            else:
                self.counts.foreign += 1
        elif first < 4:
            self._sort_stun(protocol, data, addr)
        elif 19 < first < 64:
            if addr[:2] not in self._validated:
                self.counts.foreign += 1
            elif len(data) > MAX_DTLS_BYTES:
                self.counts.oversized += 1
            else:
                self.dtls.put(data)
        else:
            self.counts.unknown += 1

    def _sort_stun(self, protocol: _MediaProtocol, data: bytes, addr: tuple[Any, ...]) -> None:
        if len(data) > MAX_DTLS_BYTES:
            self.counts.oversized += 1
            return
        try:
            protocol.read_stun(data, addr)
        except Exception as error:
            # The boundary to aioice's STUN reader, which lets struct.error and others escape on malformed input.
            # Told once: whoever floods a port shall not write our logs.
            self._stun_faults += 1
            self.counts.stun += 1
            if self._stun_faults == 1:
                log.info("stun_unreadable", error=repr(error))

    def data_received(self, data: bytes, component: int) -> None:
        """What aioice took for media because it is no STUN; media never comes this way."""
        self.counts.stun += 1

    def protocol_lost(self, protocol: StunProtocol) -> None:
        if not self._closing and any(pair.protocol is protocol for pair in self._nominated.values()):
            self._on_lost("socket_lost")

    def check_incoming(self, message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """A check that carried our password: its sender may talk to us."""
        if addr not in self._validated and len(self._validated) >= MAX_VALIDATED:
            self.counts.stun += 1
            return
        self._validated.add(addr)
        super().check_incoming(message, addr, protocol)

    def check_state(self, pair: CandidatePair, state: CandidatePair.State) -> None:
        """Our own check was answered with the remote side's password: good as well (and all there is with ICE-lite)."""
        super().check_state(pair, state)
        if state == CandidatePair.State.SUCCEEDED and len(self._validated) < MAX_VALIDATED:
            self._validated.add(pair.remote_addr)

    async def query_consent(self) -> None:
        """Asks from time to time whether we may go on sending (RFC 7675), and tells the owner when not."""
        failures = 0
        while failures < self._options.consent_failures:
            # Randomised as the RFC asks, so that a room's checks don't fall together.
            await asyncio.sleep(self._options.consent_interval_s * (0.8 + 0.4 * random.random()))
            pair = self._nominated.get(1)
            if pair is None:
                return
            try:
                await pair.protocol.request(
                    self.build_request(pair, nominate=False),
                    pair.remote_addr,
                    integrity_key=(self.remote_password or "").encode(),
                    retransmissions=0,
                )
                failures = 0
            except TransactionError:
                failures += 1
        self._on_lost("consent_lost")

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 - aioice's name; host candidates need none
    ) -> list[aioice.Candidate]:
        """Host candidates on the addresses that were asked for; those that can't be bound are left out."""
        candidates = []
        for address in self._options.host_addresses or addresses:
            try:
                protocol = await self._bind(address)
            except OSError as error:
                log.info("media_socket_not_bound", address=address, error=str(error))
                continue
            host, port = protocol.transport.get_extra_info("sockname")[:2]
            protocol.local_candidate = aioice.Candidate(
                candidate_foundation("host", "udp", host), component, "udp", candidate_priority(component, "host"),
                host, port, "host",
            )  # fmt: skip
            candidates.append(protocol.local_candidate)
        return candidates

    async def _bind(self, address: str) -> StunProtocol:
        sock = open_media_socket(address, self._options.port_range)
        try:
            loop = asyncio.get_running_loop()
            _, protocol = await loop.create_datagram_endpoint(lambda: _MediaProtocol(self), sock=sock)
        except BaseException:
            sock.close()
            raise
        self._protocols.append(protocol)
        return protocol

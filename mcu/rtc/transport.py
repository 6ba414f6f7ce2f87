"""The way to one remote side: ICE finds it, DTLS secures it, and data channels are spoken on it."""

import copy
from collections.abc import Callable

from mcu.clock import Clock
from mcu.errors import Internal
from mcu.network import RtcSettings
from mcu.rtc.agreement import SCTP_PORT, Agreement
from mcu.rtc.answer import LocalTransport
from mcu.rtc.binding import DatagramCounts, DataLink, DtlsLink, IceAgent, IceOptions
from mcu.rtc.binding.agent import IcePath
from mcu.rtc.candidates import CandidateIntake
from mcu.rtc.certificate import process_certificate
from mcu.rtc.channels import ChannelNews
from mcu.rtc.ice import RemoteCandidate
from mcu.rtc.interfaces import chosen_addresses
from mcu.rtc.srtp import SrtpKeys


class Transport:
    """Made and closed by a peer, on the event loop: ``gather``, ``begin``, ``reach``, ``secure``, then ``open_data``.
    ``on_media`` gets the datagrams of RTP and RTCP; ``on_lost(reason)`` is called when the remote side can't be reached
    any more or says that it is going.
    """

    def __init__(
        self,
        settings: RtcSettings,
        clock: Clock,
        agreement: Agreement,
        *,
        on_media: Callable[[bytes], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.data: DataLink | None = None
        """Where data channels are spoken on; None before, and where none were agreed on."""
        self._settings = settings
        self._clock = clock
        self._agreement = agreement
        self._on_lost = on_lost
        self._dtls: DtlsLink | None = None
        self._ice = IceAgent(
            IceOptions(
                chosen_addresses(settings),
                settings.port_range,
                settings.consent_interval_s,
                settings.consent_failures,
                ipv6=settings.ipv6,
            ),
            controlling=agreement.transport.ice_lite,
            on_media=on_media,
            on_lost=on_lost,
        )

    @property
    def path(self) -> IcePath | None:
        """Where ICE has led to; None before."""
        return self._ice.path

    @property
    def keys(self) -> SrtpKeys | None:
        """What DTLS has agreed on; None before."""
        return self._dtls.keys if self._dtls is not None else None

    @property
    def counts(self) -> DatagramCounts:
        return self._ice.counts

    async def gather(self) -> None:
        """Binds addresses."""
        await self._ice.gather_candidates()

    async def begin(self, candidates: CandidateIntake) -> LocalTransport:
        """Takes the remote candidates there are. After ``gather``; raises ``Internal`` when that could bind nothing."""
        ice, certificate = self._ice, process_certificate.current(self._clock.now_ns())
        local = self._local_candidates()
        if not local:
            raise Internal("no address for media could be bound")
        for candidate in candidates.open(self._agreement.transport):
            await ice.add(candidate)
        self._dtls = DtlsLink(ice, certificate)
        return LocalTransport(ice.local_username, ice.local_password, certificate.fingerprint, local)

    def _local_candidates(self) -> tuple[str, ...]:
        local, announced = self._ice.local_candidates, self._settings.announced_address
        if announced is not None:
            local = [copy.copy(one) for one in local]
            for one in local:
                if (":" in one.host) == (":" in announced):
                    one.host = announced
        return tuple(one.to_sdp() for one in local)

    async def add(self, candidate: RemoteCandidate) -> None:
        """One more of the remote side."""
        await self._ice.add(candidate)

    async def reach(self) -> None:
        """Connects; raises what aioice raises when nothing leads there."""
        remote = self._agreement.transport
        self._ice.set_remote(remote.ice_ufrag, remote.ice_pwd, lite=remote.ice_lite)
        await self._ice.connect()

    async def secure(self) -> bool:
        """False when the remote side isn't who its offer said. After ``begin``."""
        return self._dtls is not None and await self._dtls.handshake(self._agreement.transport)

    def attend(self) -> None:
        """From now on, a remote side that says goodbye is lost."""
        if self._dtls is not None:
            self._dtls.on("statechange", self._on_dtls_state)

    def _on_dtls_state(self) -> None:
        if self._dtls is not None and self._dtls.state in ("closed", "failed"):
            self._on_lost("closed_by_remote")

    async def open_data(self, on_channel: Callable[[ChannelNews], None] | None) -> None:
        """Without effect where no data channels were agreed on."""
        section = self._agreement.data
        if section is not None and self._dtls is not None:
            self.data = DataLink(self._dtls, self._clock, on_channel)
            await self.data.open(section.sctp_port or SCTP_PORT)

    async def free_sockets(self) -> None:
        """What may have been bound while ``close`` was busy. Idempotent."""
        await self._ice.close()

    async def close(self) -> None:
        """From top to ground. Raises whatever aioice and aiortc raise; then ``abort``."""
        if self.data is not None:
            await self.data.close()
        if self._dtls is not None:
            await self._dtls.close()
        await self._ice.close()

    def abort(self) -> None:
        """Frees the sockets without a word."""
        self._ice.abort()

"""DTLS: certificates, the handshake, and the keys for SRTP that come of it (RFC 8827, RFC 5764)."""

import asyncio
from typing import cast

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, RTCIceTransport
from aiortc.rtcdtlstransport import SRTP_PROFILES, SRTPProtectionProfile
from OpenSSL import SSL

from mcu.rtc.agreement import RemoteTransport
from mcu.rtc.binding.agent import IceAgent
from mcu.rtc.sdp import Fingerprint
from mcu.rtc.srtp import SrtpKeys, SrtpProfileName

PROFILE_NAMES: dict[bytes, SrtpProfileName] = {
    b"SRTP_AEAD_AES_128_GCM": "AEAD_AES_128_GCM",
    b"SRTP_AEAD_AES_256_GCM": "AEAD_AES_256_GCM",
    b"SRTP_AES128_CM_SHA1_80": "AES_CM_128_HMAC_SHA1_80",
}
# aiortc's suites, and the same for peers with RSA certificates (GStreamer 1.22).
_CIPHERS = b":".join(
    suite.replace(b"*", kind)
    for kind in (b"ECDSA", b"RSA")
    for suite in (
        b"ECDHE-*-AES128-GCM-SHA256",
        b"ECDHE-*-CHACHA20-POLY1305",
        b"ECDHE-*-AES128-SHA",
        b"ECDHE-*-AES256-SHA",
    )
)


class Certificate(RTCCertificate):
    """A certificate with its TLS context, made once and shared by the connections of a process."""

    _context: SSL.Context | None = None

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        if self._context is None:
            context = super()._create_ssl_context(srtp_profiles)
            context.set_cipher_list(_CIPHERS)
            context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
            self._context = context
        return self._context

    @property
    def fingerprint(self) -> Fingerprint:
        found = next(one for one in self.getFingerprints() if one.algorithm == "sha-256")
        return Fingerprint(found.algorithm, found.value)


class DtlsLink(RTCDtlsTransport):
    """A DTLS transport that hands out its keys instead of protecting media itself (RFC 5764)."""

    def __init__(self, ice: IceAgent, certificate: Certificate) -> None:
        super().__init__(cast(RTCIceTransport, ice.dtls), [certificate])
        # AES-128-GCM is both the fastest here and enough; the remote side has the last word.
        names = list(PROFILE_NAMES)
        self._srtp_profiles = sorted(SRTP_PROFILES, key=lambda profile: names.index(profile.openssl_profile))
        self.keys: SrtpKeys | None = None
        """Set once the handshake is done and the remote certificate is the one that was signalled."""

    async def handshake(self, remote: RemoteTransport) -> bool:
        """False when it failed."""
        self._set_role(remote.dtls_role)
        await self.start(
            RTCDtlsParameters([RTCDtlsFingerprint(one.algorithm, one.value) for one in remote.fingerprints])
        )
        return self.state == "connected" and self.keys is not None

    def _setup_srtp(self) -> None:
        ssl = self._ssl
        chosen = ssl.get_selected_srtp_profile() if ssl is not None else b""
        profile = next((one for one in self._srtp_profiles if one.openssl_profile == chosen), None)
        if ssl is None or profile is None:
            # Lets aiortc fail the transport in its own way.
            super()._setup_srtp()
            return
        material = ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (profile.key_length + profile.salt_length))
        server = self._role == "server"
        self.keys = SrtpKeys(
            PROFILE_NAMES[profile.openssl_profile],
            local=profile.get_key_and_salt(material, int(server)),
            remote=profile.get_key_and_salt(material, int(not server)),
        )

    async def close(self) -> None:
        """Says goodbye and ends the reading task. Idempotent."""
        task = self._task
        await self.stop()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)
        self.remove_all_listeners()

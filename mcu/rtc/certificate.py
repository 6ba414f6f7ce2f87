"""The DTLS certificate: one for the process, because making one costs more than a whole join."""

from mcu.clock import NS_PER_S
from mcu.rtc.binding import Certificate

RENEWAL_S = 7 * 24 * 3600
"""Connections keep the certificate they began with; it is valid for 30 days."""


class CertificateHolder:
    """Hands out one certificate until it is a week old. The event loop's alone."""

    def __init__(self) -> None:
        self._certificate: Certificate | None = None
        self._renew_ns = 0

    def current(self, now_ns: int) -> Certificate:
        """The certificate for a connection that begins at ``now_ns``, monotonic time."""
        if self._certificate is None or now_ns >= self._renew_ns:
            self._certificate = Certificate.generateCertificate()
            self._renew_ns = now_ns + RENEWAL_S * NS_PER_S
        return self._certificate


process_certificate = CertificateHolder()

"""The dials of a connection. Frozen: one object serves every peer of a process. Loads no media library: a gateway
reads it that has none.
"""

from dataclasses import dataclass

from mcu.frames import VideoCodec


@dataclass(frozen=True, slots=True)
class RtcSettings:
    """What a connection may do, and for how long it may try.

    ``host_addresses`` are the addresses the media sockets bind to; None takes those of ``interfaces``, and where none
    are named all of this machine's but loopback.
    ``port_range`` (first, last, both included) is for firewalls; None lets the system choose.
    ``announced_address`` replaces the host addresses of its family in answers, for a server behind a one-to-one NAT;
    those of the other family stay as they are.
    """

    codecs: tuple[VideoCodec, ...] = ("H264", "VP8")
    """Accepted for receiving, and the order of preference for what we send."""

    host_addresses: tuple[str, ...] | None = None
    interfaces: tuple[str, ...] = ()
    port_range: tuple[int, int] | None = None
    announced_address: str | None = None

    ipv6: bool = True
    """Whether media is offered on this machine's IPv6 addresses; without effect on ``host_addresses``."""

    allow_private_addresses: bool = True
    """Whether remote candidates in RFC 1918, RFC 6598 and RFC 4193 ranges are tried."""

    allow_loopback_addresses: bool = False
    """Whether remote candidates on this machine are tried. For tests and demos on one machine."""

    max_candidates: int = 20
    """Remote candidates tried per connection; each costs datagrams to an address the remote side chose."""

    connect_timeout_s: float = 20.0
    """From the answer to a finished DTLS handshake. Higher helps slow relays; lower frees sockets sooner."""

    dtls_server: bool = True
    """Whether to be the DTLS server where the offer leaves it open. The server chooses the SRTP profile: browsers would
    choose AES-CM, which costs half as much again per packet as the AES-GCM that they accept from us."""

    consent_interval_s: float = 5.0
    """Between consent checks (RFC 7675). Lower notices a dead path sooner and costs 0.3 ms of CPU each time."""

    consent_failures: int = 3
    """Consent checks lost in a row before the path counts as dead."""

    def __post_init__(self) -> None:
        if not self.codecs:
            raise ValueError("at least one video codec is needed")
        if self.port_range is not None and not 1 <= self.port_range[0] <= self.port_range[1] <= 65535:
            raise ValueError(f"not a range of ports: {self.port_range}")

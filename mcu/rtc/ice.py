"""Remote ICE candidates: read, bounded, and refused where a server must not send (RFC 8839, RFC 8445).

Each candidate makes the server send datagrams to an address that the remote side chose, so what may not be reached
is decided here, before ICE hears of it.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

from mcu.errors import BadRequest
from mcu.network import RtcSettings

MAX_CANDIDATE_CHARS = 512

Refusal = Literal[
    "transport", "component", "port", "name", "mdns", "unspecified", "multicast", "link_local", "metadata", "loopback",
    "reserved", "private",
]  # fmt: skip
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Where clouds answer questions about a machine's secrets; those outside 169.254.0.0/16 would pass as private.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254")
)
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_CANDIDATE = re.compile(
    r"(?:a=)?(?:candidate:)?([A-Za-z0-9+/=_-]{1,64}) ([0-9]{1,3}) ([A-Za-z0-9-]{1,8}) ([0-9]{1,10}) "
    r"([0-9A-Za-z.:%_-]{1,253}) ([0-9]{1,5}) typ (host|srflx|prflx|relay)(?: .*)?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class RemoteCandidate:
    """``host`` is an address in text, or a name."""

    foundation: str
    component: int
    transport: str
    priority: int
    host: str
    port: int
    kind: str


def parse_candidate(value: str) -> RemoteCandidate:
    """The value of ``a=candidate``, with or without its prefix. Raises ``BadRequest`` (``bad_candidate``)."""
    found = _CANDIDATE.fullmatch(value.strip()) if len(value) <= MAX_CANDIDATE_CHARS else None
    if found is None:
        raise BadRequest("the candidate is no ICE candidate", code="bad_candidate", field="candidate")
    foundation, component, transport, priority, host, port, kind = found.groups()
    return RemoteCandidate(foundation, int(component), transport.lower(), int(priority), host, int(port), kind.lower())


def refusal(candidate: RemoteCandidate, settings: RtcSettings) -> Refusal | None:
    """Why a candidate is not tried; None when it is."""
    if candidate.transport != "udp":
        return "transport"
    if candidate.component != 1:
        return "component"
    if not 1 <= candidate.port <= 65535:
        return "port"
    # A .local name (mDNS) hides the address of a browser, which then reaches us first: nothing is lost.
    if candidate.host.lower().endswith(".local"):
        return "mdns"
    try:
        address = ipaddress.ip_address(candidate.host)
    except ValueError:
        return "name"
    return _refused_address(_embedded(address), settings)


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _refused_address(address: Address, settings: RtcSettings) -> Refusal | None:
    if address in _METADATA:
        return "metadata"
    if address.is_unspecified or (address.version == 4 and int(address) >> 24 == 0):
        return "unspecified"
    if address.is_multicast:
        return "multicast"
    if address.is_link_local:
        return "link_local"
    if address.is_loopback:
        return None if settings.allow_loopback_addresses else "loopback"
    if address.is_reserved:
        return "reserved"
    if not settings.allow_private_addresses and any(
        address in net for net in _PRIVATE if net.version == address.version
    ):
        return "private"
    return None

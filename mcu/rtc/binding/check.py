"""Proof that the installed aiortc and aioice are of the kind that this package was written for."""

import inspect
from importlib.metadata import version
from typing import cast

import aioice
from aioice.ice import StunProtocol
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceTransport, RTCSctpTransport
from aiortc.rtcdtlstransport import SRTP_PROFILES

from mcu.errors import Internal
from mcu.rtc.binding.dtls import PROFILE_NAMES, Certificate


def self_check() -> None:
    """Raises ``Internal``, naming what is missing, when the installed aiortc or aioice is not as this file expects."""
    wanted: tuple[tuple[type, str, tuple[str, ...]], ...] = (
        (aioice.Connection, "get_component_candidates", ("self", "component", "addresses", "timeout")),
        (aioice.Connection, "check_incoming", ("self", "message", "addr", "protocol")),
        (aioice.Connection, "check_state", ("self", "pair", "state")),
        (aioice.Connection, "data_received", ("self", "data", "component")),
        (aioice.Connection, "protocol_lost", ("self", "protocol")),
        (aioice.Connection, "query_consent", ("self",)),
        (aioice.Connection, "build_request", ("self", "pair", "nominate")),
        (StunProtocol, "datagram_received", ("self", "data", "addr")),
        (StunProtocol, "request", ("self", "request", "addr", "integrity_key", "retransmissions")),
        (RTCCertificate, "_create_ssl_context", ("self", "srtp_profiles")),
        (RTCDtlsTransport, "_setup_srtp", ("self",)),
        (RTCDtlsTransport, "_set_role", ("self", "role")),
        (RTCDtlsTransport, "_recv_next", ("self",)),
        (RTCDtlsTransport, "_write_ssl", ("self",)),
        (RTCDtlsTransport, "_register_data_receiver", ("self", "receiver")),
        (RTCSctpTransport, "_handle_data", ("self", "data")),
    )
    missing = [
        f"{owner.__name__}.{name}({', '.join(parameters)})"
        for owner, name, parameters in wanted
        if tuple(inspect.signature(getattr(owner, name, lambda: None)).parameters) != parameters
    ]
    connection = aioice.Connection(ice_controlling=False)
    missing += [
        f"Connection.{name}" for name in ("_nominated", "_protocols", "_closing") if not hasattr(connection, name)
    ]
    dtls = RTCDtlsTransport(cast(RTCIceTransport, None), [Certificate.generateCertificate()])
    wanted_of_dtls = ("_ssl", "_role", "_task", "_srtp_profiles")
    missing += [f"RTCDtlsTransport.{name}" for name in wanted_of_dtls if not hasattr(dtls, name)]
    known = RTCSctpTransport.__init__.__code__.co_names  # an instance would want a running loop
    missing += [
        f"RTCSctpTransport.{name}"
        for name in (
            "_advertised_rwnd",
            "_data_channels",
            "_inbound_streams",
            "_sack_misordered",
        )
        if name not in known
    ]
    if not {profile.openssl_profile for profile in SRTP_PROFILES} <= set(PROFILE_NAMES):
        missing.append("SRTP_PROFILES as known here")
    if missing:
        raise Internal(
            f"aiortc {version('aiortc')} and aioice {version('aioice')} don't fit this server, which was written for "
            f"aiortc 1.16 and aioice 0.13; missing or changed: {', '.join(missing)}"
        )

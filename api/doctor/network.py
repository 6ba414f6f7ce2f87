"""Ports, addresses, STUN and TURN."""

import asyncio
import ipaddress
import socket
from contextlib import ExitStack

from api.doctor.check import Check, failure, fine, warning
from api.engine import engine_config
from api.ice import ice_servers
from api.settings import Settings
from mcu.errors import Internal
from mcu.network import RtcSettings
from mcu.rtc.interfaces import chosen_addresses, machine_addresses
from mcu.rtc.probe import IceUrl, ProbeFailed, stun_address, turn_allocation
from mcu.rtc.sockets import BUFFER_BYTES, open_media_socket

PORTS_TRIED = 20
PORTS_PER_PERSON = 2
"""Camera and microphone, and a screen; one more of each while a connection is made anew."""


def http_port(settings: Settings) -> Check:
    name = "http port"
    where = f"{settings.host or '*'}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        return failure(
            name,
            f"{where} can't be listened on: {error.strerror or error}",
            "stop what listens there (this server, perhaps), or choose another --port or --host",
        )
    return fine(name, f"{where} is free")


def media_addresses(settings: Settings) -> Check:
    name = "media addresses"
    try:
        addresses = _addresses(_rtc(settings))
    except Internal as error:
        return failure(name, error.message, "correct media.interfaces; `ip address` lists them")
    for address in addresses:
        try:
            open_media_socket(address, None).close()
        except OSError as error:
            return failure(
                name,
                f"{address} can't be bound: {error.strerror or error}",
                "correct media.host_addresses; `ip address` lists those of this machine",
            )
    if not addresses:
        return failure(
            name,
            "this machine has no address but loopback",
            'connect it to a network, or set media.host_addresses = ["127.0.0.1"] to try things out',
        )
    return fine(name, ", ".join(addresses))


def media_ports(settings: Settings) -> Check:
    name = "media ports"
    rtc = _rtc(settings)
    if rtc.port_range is None:
        advice = "set media.udp_port_min and media.udp_port_max, and open those in the firewall"
        found = "any free UDP port is used"
        return fine(name, found) if settings.loopback else warning(name, found, advice)
    first, last = rtc.port_range
    count = last - first + 1
    where = f"UDP {first} to {last}"
    try:
        with ExitStack() as sockets:
            for address in _addresses(rtc):
                for _ in range(min(PORTS_TRIED, count)):
                    sockets.enter_context(open_media_socket(address, rtc.port_range))
    except (OSError, Internal) as error:
        return failure(name, f"{where}: {error}", "choose another range, or end what uses it")
    wanted = PORTS_PER_PERSON * settings.limits.max_participants
    if count < wanted:
        return warning(
            name,
            f"{where} is enough for {count // PORTS_PER_PERSON} people",
            f"a full room of {settings.limits.max_participants} wants {wanted} ports",
        )
    return fine(name, where)


def socket_buffers(settings: Settings) -> Check:
    name = "socket buffers"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        granted = probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # Linux tells the double
    if granted < BUFFER_BYTES // 2:
        return warning(
            name,
            f"the system grants {granted // 1024} KiB of {BUFFER_BYTES // 1024} KiB",
            f"sysctl -w net.core.rmem_max={BUFFER_BYTES} net.core.wmem_max={BUFFER_BYTES}",
        )
    return fine(name, f"{granted // 1024} KiB")


async def announced_address(settings: Settings) -> Check:
    """Compared with what a STUN server sees, where one is set."""
    name = "announced address"
    announced = settings.media.announced_address
    seen, trouble = await _seen_address(settings)
    if trouble:
        return warning(name, trouble, "correct ice_servers, or let UDP out to that server")
    if announced is not None:
        if seen is not None and seen != announced:
            return warning(
                name,
                f"{announced} is announced, but a STUN server sees {seen}",
                f'set media.announced_address = "{seen}" if that is this server\'s public address',
            )
        return fine(name, announced)
    try:
        addresses = [ipaddress.ip_address(one) for one in _addresses(_rtc(settings))]
    except Internal as error:
        return failure(name, error.message, "correct media.interfaces")
    if settings.loopback or any(one.is_global for one in addresses):
        return fine(name, "none: the media addresses are told to clients as they are")
    hint = f'"{seen}"' if seen else "its public address"
    return warning(
        name,
        "all media addresses are private: clients beyond this network can't reach them",
        f"set media.announced_address = {hint} and forward the media ports, or set a TURN server",
    )


async def relays(settings: Settings) -> list[Check]:
    """A real allocation on every TURN server, with credentials as clients get them."""
    asked = [
        _relay(url, server.username or "", server.credential or "")
        for server in ice_servers(settings.ice_servers, "doctor")
        for url in server.urls
        if url.startswith("turn")
    ]
    checks = list(await asyncio.gather(*asked))
    if not checks and not settings.loopback:
        checks.append(
            warning(
                "turn",
                "no TURN server is set: who is behind a strict firewall can't take part",
                "run coturn with use-auth-secret and set ice_servers (see the README)",
            )
        )
    return checks


async def _relay(url: str, username: str, credential: str) -> Check:
    try:
        relayed = await turn_allocation(IceUrl.parse(url), username, credential)
    except ProbeFailed as error:
        wrong = "401" in str(error) or "403" in str(error)
        advice = (
            "ice_servers.secret must be coturn's static-auth-secret, and the clocks must agree"
            if wrong
            else "see that the server runs, and that its port is open to this machine and to clients"
        )
        return failure(url, str(error), advice)
    return fine(url, f"relays from {relayed}")


async def _seen_address(settings: Settings) -> tuple[str | None, str]:
    """What the first STUN server sees, and what was wrong with it."""
    for server in settings.ice_servers:
        for url in server.urls:
            if url.startswith("stun:"):
                try:
                    return await stun_address(IceUrl.parse(url)), ""
                except ProbeFailed as error:
                    return None, f"{url}: {error}"
    return None, ""


def _rtc(settings: Settings) -> RtcSettings:
    return engine_config(settings).rtc


def _addresses(rtc: RtcSettings) -> list[str]:
    chosen = chosen_addresses(rtc)
    return machine_addresses(rtc.ipv6) if chosen is None else list(chosen)

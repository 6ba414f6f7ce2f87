"""Which of this machine's addresses media uses, where the settings choose network interfaces by name."""

import ipaddress
from collections.abc import Iterable

import ifaddr
from aioice.ice import get_host_addresses

from mcu.errors import Internal
from mcu.network import RtcSettings


def chosen_addresses(settings: RtcSettings, adapters: Iterable[ifaddr.Adapter] | None = None) -> tuple[str, ...] | None:
    """The addresses to bind to; None: all of this machine's but loopback. Looked up anew for each connection, because
    addresses come and go; ``adapters`` None: as they are now. Raises ``Internal`` when the interfaces that were chosen
    have no address.
    """
    if settings.host_addresses is not None or not settings.interfaces:
        return settings.host_addresses
    found = ifaddr.get_adapters() if adapters is None else adapters
    chosen = tuple(
        address
        for adapter in found
        if adapter.name in settings.interfaces or adapter.nice_name in settings.interfaces
        for address in _addresses(adapter)
        if settings.ipv6 or ":" not in address
    )
    if not chosen:
        raise Internal(f"there is no address for media on {', '.join(settings.interfaces)}")
    return chosen


def _addresses(adapter: ifaddr.Adapter) -> Iterable[str]:
    """Those that others can reach: link-local ones are of no use without a zone."""
    for ip in adapter.ips:
        address = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
        if not ipaddress.ip_address(address).is_link_local:
            yield address


def machine_addresses(ipv6: bool) -> list[str]:
    """Where media is bound when nothing was chosen: all addresses but loopback."""
    return list(get_host_addresses(use_ipv4=True, use_ipv6=ipv6))

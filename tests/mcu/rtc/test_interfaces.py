"""Which addresses media is bound to, by settings."""

from dataclasses import replace

import pytest
from ifaddr import IP, Adapter

from mcu.errors import Internal
from mcu.network import RtcSettings
from mcu.rtc.interfaces import chosen_addresses
from tests.kit import rtc
from tests.mcu.rtc.offers import CHROMIUM


def adapter(name: str, *addresses: str) -> Adapter:
    ips = [IP((one, 0, 0) if ":" in one else one, 64 if ":" in one else 24, name) for one in addresses]
    return Adapter(name, name, ips)


MACHINE = (
    adapter("lo", "127.0.0.1"),
    adapter("eth0", "192.0.2.1", "2001:db8::1", "fe80::1"),
    adapter("docker0", "172.17.0.1"),
)


@pytest.mark.parametrize(
    ("settings", "addresses"),
    [
        (RtcSettings(), None),
        (RtcSettings(interfaces=("eth0",)), ("192.0.2.1", "2001:db8::1")),
        (RtcSettings(interfaces=("eth0",), ipv6=False), ("192.0.2.1",)),
        (RtcSettings(interfaces=("eth0", "docker0"), ipv6=False), ("192.0.2.1", "172.17.0.1")),
        (RtcSettings(interfaces=("eth0",), host_addresses=("198.51.100.1",)), ("198.51.100.1",)),
    ],
)
def test_interfaces_stand_for_their_addresses(settings: RtcSettings, addresses: tuple[str, ...] | None) -> None:
    assert chosen_addresses(settings, MACHINE) == addresses


@pytest.mark.parametrize("settings", [RtcSettings(interfaces=("eth1",)), RtcSettings(interfaces=("lo",), ipv6=True)])
def test_an_interface_without_an_address_is_no_reason_to_use_all(settings: RtcSettings) -> None:
    with pytest.raises(Internal, match=settings.interfaces[0]):
        chosen_addresses(settings, MACHINE[1:])


async def test_an_offer_is_not_answered_without_the_interface() -> None:
    async with rtc.running_peer(RtcSettings(interfaces=("none0",))) as (peer, _):
        with pytest.raises(Internal, match="none0"):
            await peer.answer(CHROMIUM)


def told(answer: str) -> set[str]:
    """The addresses of an answer."""
    lines = [line for line in answer.splitlines() if line.startswith("a=candidate:")]
    return {line.split(" ")[4] for line in lines}


async def test_the_announced_address_stands_for_its_family_only() -> None:
    settings = replace(rtc.LOOPBACK, host_addresses=("127.0.0.1", "::1"), announced_address="203.0.113.9")
    async with rtc.running_peer(settings) as (peer, _):
        assert told(await peer.answer(CHROMIUM)) == {"203.0.113.9", "::1"}

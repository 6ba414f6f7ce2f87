"""Remote candidates: which addresses a stranger may make the server send to."""

from dataclasses import replace

import pytest

from mcu.errors import BadRequest
from mcu.network import RtcSettings
from mcu.rtc.ice import parse_candidate, refusal


def why(
    host: str, settings: RtcSettings | None = None, *, transport: str = "udp", component: int = 1, port: int = 9
) -> str | None:
    text = f"candidate:1 {component} {transport} 2130706431 {host} {port} typ host generation 0 ufrag abcd"
    return refusal(parse_candidate(text), settings or RtcSettings())


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("203.0.113.7", None),
        ("2001:db8::1", None),
        ("127.0.0.1", "loopback"),
        ("127.8.8.8", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("169.254.169.254", "metadata"),
        ("::ffff:169.254.169.254", "metadata"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
        ("2002:a9fe:a9fe::1", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("100.100.100.200", "metadata"),
        ("169.254.1.1", "link_local"),
        ("fe80::1", "link_local"),
        ("fe80::1%eth0", "link_local"),
        ("224.0.0.251", "multicast"),
        ("ff02::fb", "multicast"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("255.255.255.255", "reserved"),
        ("240.0.0.1", "reserved"),
        ("0a1b2c3d-0000-4000-8000-000000000000.local", "mdns"),
        ("example.com", "name"),
        ("1.2.3", "name"),
        ("0x7f000001", "name"),
    ],
)
def test_addresses(host: str, reason: str | None) -> None:
    assert why(host) == reason


@pytest.mark.parametrize("host", ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1"])
def test_private_ranges_are_a_setting(host: str) -> None:
    assert why(host) is None
    assert why(host, RtcSettings(allow_private_addresses=False)) == "private"


def test_loopback_is_a_setting_but_metadata_never() -> None:
    settings = RtcSettings(allow_loopback_addresses=True)
    assert why("127.0.0.1", settings) is None
    assert why("169.254.169.254", settings) == "metadata"


def test_only_udp_media_on_a_port() -> None:
    assert why("203.0.113.7", transport="tcp") == "transport"
    assert why("203.0.113.7", transport="UDP") is None
    assert why("203.0.113.7", component=2) == "component"
    assert why("203.0.113.7", port=0) == "port"
    assert why("203.0.113.7", port=65536) == "port"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "candidate:",
        "candidate:1 1 udp 1 192.0.2.1 9",
        "candidate:1 x udp 1 192.0.2.1 9 typ host",
        "candidate:1 1 udp 1 192.0.2.1 9 typ nonsense",
        "candidate:1 1 udp 1 192.0.2.1 9999999 typ host",
        "candidate:1 1 udp 1 192.0.2.1 9 typ host " + "x" * 600,
        "candidate:1 1 udp 1 \u0661.0.0.1 9 typ host",
    ],
)
def test_what_is_no_candidate(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_candidate(text)
    assert caught.value.error_code == "bad_candidate"


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="codec"):
        RtcSettings(codecs=())
    with pytest.raises(ValueError, match="range"):
        replace(RtcSettings(), port_range=(5000, 4000))

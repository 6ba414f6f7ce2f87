"""Settings from a file, the environment and the command line, and those that are refused."""

import json
from pathlib import Path

import pytest

from api.loading import SettingsError, load_settings
from api.settings import Settings
from tests.api.conftest import ADMIN_KEY, KEY

TOML = f"""
port = 9000
host = "0.0.0.0"
recordings_dir = "/var/recordings"

[keys]
k1 = "{KEY}"

[limits]
max_rooms = 7
body_timeout_s = 5.0

[view]
width = 640
height = 360

[log]
format = "json"

[[ice_servers]]
urls = ["stun:stun.example.org"]
"""


def test_out_of_the_box_it_is_open_on_loopback() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.open, settings.loopback) == ("127.0.0.1", 8080, True, True)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "server.toml"
    path.write_text(TOML)
    settings = load_settings(path)
    assert (settings.port, settings.limits.max_rooms, settings.view.width) == (9000, 7, 640)
    assert (settings.log.format, settings.recordings_dir) == ("json", Path("/var/recordings"))
    assert settings.keys["k1"].get_secret_value() == KEY
    assert settings.ice_servers[0].urls == ("stun:stun.example.org",)
    assert settings.limits.max_participants == 100


def test_the_working_directorys_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "mcu.toml").write_text(TOML)
    assert load_settings().port == 9000


def test_the_environment_beats_the_file_and_the_command_line_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mcu.toml").write_text(TOML)
    monkeypatch.setenv("MCU_PORT", "9001")
    monkeypatch.setenv("MCU_LIMITS__MAX_ROOMS", "8")
    monkeypatch.setenv("MCU_VIEW__WIDTH", "320")
    monkeypatch.setenv("MCU_MEDIA__ANNOUNCED_ADDRESS", "192.0.2.1")
    monkeypatch.setenv("MCU_CORS_ORIGINS", '["https://friend.example"]')
    settings = load_settings()
    assert (settings.port, settings.limits.max_rooms, settings.limits.body_timeout_s) == (9001, 8, 5.0)
    assert (settings.view.width, settings.view.height) == (320, 360)
    assert settings.media.announced_address == "192.0.2.1"
    assert settings.cors_origins == ("https://friend.example",)
    assert load_settings(port=9002).port == 9002


def test_keys_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCU_KEYS", json.dumps({"k1": KEY}))
    monkeypatch.setenv("MCU_ADMIN_KEYS", json.dumps([ADMIN_KEY]))
    settings = load_settings(host="0.0.0.0")
    assert settings.secrets == (KEY, ADMIN_KEY)
    assert not settings.open


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "mcu.example.org", ""])
def test_open_to_the_world_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match=r"refusing to listen.*--insecure"):
        load_settings(host=host)
    assert load_settings(host=host, insecure=True).open
    assert not load_settings(host=host, keys={"k1": KEY}).open


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_open_on_loopback_is_fine(host: str) -> None:
    assert load_settings(host=host).loopback


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"keys": {"k1": "short secret"}}, "keys.k1: needs at least 32 bytes"),
        ({"keys": {"k 1": KEY}}, "keys.k 1"),
        ({"keys": {"k1": KEY}, "admin_keys": ["short secret"]}, "admin_keys: each needs"),
        ({"admin_keys": [ADMIN_KEY]}, "admin_keys without keys"),
        ({"port": 65_536}, "port:"),
        ({"colour": "red"}, "colour:"),
        ({"limits": {"max_room": 1}}, "limits.max_room:"),
        ({"media": {"host_addresses": ["here"]}}, "media"),
        ({"media": {"udp_port_min": 2, "udp_port_max": 1}}, "media: udp_port_min"),
        ({"media": {"interfaces": ["eth0"], "host_addresses": ["192.0.2.1"]}}, "media: host_addresses and interfaces"),
        ({"ice_servers": [{"urls": ["turn:turn.example.org"]}]}, "ice_servers.0: a TURN server needs secret"),
        ({"ice_servers": [{"urls": ["http://turn.example.org"]}]}, "ice_servers.0.urls.0"),
        ({"ice_servers": [{"urls": ['stun:a>; rel="next"']}]}, "ice_servers.0.urls.0"),
        ({"view": {"width": 641}}, "view.width:"),
        ({"permanent_rooms": ["\u202e"]}, "permanent_rooms.0"),
    ],
)
def test_settings_that_cannot_be_say_which_and_hide_secrets(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(**given)  # type: ignore[arg-type]  # settings by name
    assert message in str(refused.value)
    assert "short secret" not in str(refused.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_settings(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("port = ")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings(broken)


def test_an_environment_that_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCU_KEYS", "{k1")
    with pytest.raises(SettingsError, match="keys"):
        load_settings()


def test_secrets_do_not_show() -> None:
    settings = Settings(keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))  # type: ignore[dict-item, arg-type]  # validated
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert KEY not in text
        assert ADMIN_KEY not in text

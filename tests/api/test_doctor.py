"""``mcu doctor`` on a machine where all is well, and where something is not."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.doctor import Check, examine
from api.settings import IceServerSettings, MediaSettings, Settings
from tests.api.people import KEY
from tests.kit import coturn
from tests.kit.server import free_port

PUBLIC = {"host": "0.0.0.0", "insecure": True}
PATIENCE_S = 30.0


async def examined(settings: Settings) -> dict[str, Check]:
    async with asyncio.timeout(PATIENCE_S):
        checks = await examine(settings)
    assert all(check.outcome == "ok" or check.advice for check in checks)
    return {check.name: check for check in checks}


def quiet(**settings: object) -> Settings:
    """On loopback and a free port."""
    chosen = {"port": 0, "media": MediaSettings(host_addresses=("127.0.0.1",))} | settings
    return Settings.model_validate(chosen)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


async def test_nothing_keeps_a_server_from_running_here() -> None:
    found = await examined(quiet())
    assert {check.outcome for check in found.values()} <= {"ok", "warning"}
    assert {"access", "http port", "media ports", "codecs", "SRT", "letters", "recordings"} <= found.keys()


def test_the_command_tells_programs_and_people(taken_port: int) -> None:
    free = CliRunner().invoke(app, ["doctor", "--port", str(free_port()), "--json"])
    report = json.loads(free.stdout)
    assert (free.exit_code, report["ok"]) == (0, True)
    assert {"name", "outcome", "found", "advice"} == report["checks"][0].keys()
    taken = CliRunner().invoke(app, ["doctor", "--port", str(taken_port)])
    assert taken.exit_code == 1
    assert f"127.0.0.1:{taken_port} can't be listened on" in taken.stdout
    assert "--port" in taken.stdout
    assert CliRunner().invoke(app, ["doctor", "--host", "0.0.0.0"]).exit_code == 2


async def test_who_may_do_what() -> None:
    assert (await examined(quiet()))["access"].outcome == "ok"
    exposed = await examined(quiet(**PUBLIC))
    assert exposed["access"].outcome == "warning"
    assert exposed["https"].outcome == "warning"
    assert exposed["turn"].outcome == "warning"
    guarded = await examined(quiet(host="0.0.0.0", keys={"k1": KEY}, public_url="https://mcu.example.org"))
    assert (guarded["access"].outcome, guarded["https"].outcome) == ("ok", "ok")


async def test_addresses_that_are_not_this_machines() -> None:
    strange = await examined(quiet(media=MediaSettings(host_addresses=("203.0.113.1",))))
    assert strange["media addresses"].outcome == "failure"
    assert "203.0.113.1" in strange["media addresses"].found
    nowhere = await examined(quiet(media=MediaSettings(interfaces=("none0",))))
    assert nowhere["media addresses"].outcome == "failure"
    assert "none0" in nowhere["media addresses"].found


async def test_too_few_ports_and_ports_that_are_taken() -> None:
    few = MediaSettings(host_addresses=("127.0.0.1",), udp_port_min=21000, udp_port_max=21019)  # not ephemeral ones
    assert "10 people" in (await examined(quiet(media=few)))["media ports"].found
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        one = MediaSettings(host_addresses=("127.0.0.1",), udp_port_min=port, udp_port_max=port)
        assert (await examined(quiet(media=one)))["media ports"].outcome == "failure"


async def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = await examined(quiet(recordings_dir=tmp_path / "file" / "recordings"))
    assert found["recordings"].outcome == "failure"
    await examined(quiet(recordings_dir=tmp_path / "new" / "recordings"))
    assert not (tmp_path / "new").exists()


async def test_a_private_address_wants_another_announced() -> None:
    private = MediaSettings(host_addresses=("127.0.0.1",))
    assert (await examined(quiet(**PUBLIC, media=private)))["announced address"].outcome == "warning"
    announced = MediaSettings(host_addresses=("127.0.0.1",), announced_address="203.0.113.5")
    assert (await examined(quiet(**PUBLIC, media=announced)))["announced address"].outcome == "ok"


async def test_turn_and_stun_are_asked_in_earnest(tmp_path: Path) -> None:
    port = free_port()

    def servers(secret: str) -> tuple[IceServerSettings, ...]:
        stun = {"urls": [f"stun:127.0.0.1:{port}"]}
        turn = {"urls": [f"turn:127.0.0.1:{port}", f"turn:localhost:{port}?transport=tcp"], "secret": secret}
        return tuple(IceServerSettings.model_validate(one) for one in (stun, turn))

    announced = MediaSettings(host_addresses=("127.0.0.1",), announced_address="203.0.113.5")
    async with coturn.running_coturn(port, tmp_path):
        good = await examined(quiet(ice_servers=servers(coturn.SECRET), media=announced))
        bad = await examined(quiet(ice_servers=servers("of another server")))
    turn = f"turn:127.0.0.1:{port}"
    assert (good[turn].outcome, good[turn].found) == ("ok", "relays from 127.0.0.1")
    assert good[f"turn:localhost:{port}?transport=tcp"].outcome == "ok"
    assert "sees 127.0.0.1" in good["announced address"].found
    assert bad[turn].outcome == "failure"
    assert "static-auth-secret" in bad[turn].advice


async def test_a_turn_server_that_is_not_there() -> None:
    turn = IceServerSettings.model_validate({"urls": [f"turn:127.0.0.1:{free_port()}?transport=tcp"], "secret": "x"})
    found = await examined(quiet(ice_servers=(turn,)))
    (relay,) = [check for name, check in found.items() if name.startswith("turn:")]
    assert relay.outcome == "failure"

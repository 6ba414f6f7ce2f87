"""The commands that govern a running server, against a real one."""

import asyncio

from typer.testing import CliRunner

from api.cli import app
from tests.api.conftest import BOUND_S
from tests.api.people import Meeting, pass_for
from tests.api.terminal import Terminal, terminal

__all__ = ["terminal"]

GROUPS = ("room", "participant", "ban", "chat", "group", "announce", "playback", "view", "layout", "decor", "record")


async def test_rooms(terminal: Terminal) -> None:
    opened = await terminal.json("room", "open", "team", "--capacity", "7", "--lobby", "--metadata", "topic=tea=cake")
    assert (opened["capacity"], opened["lobby"], opened["metadata"]) == (7, True, {"topic": "tea=cake"})
    table = (await terminal.run("room", "list")).stdout.splitlines()
    assert table[0].split()[:3] == ["name", "participants", "capacity"]
    assert table[1].split()[:5] == ["team", "0", "7", "no", "no"]
    closed = await terminal.json("room", "set", "team", "--no-lobby", "--locked", "--metadata", "topic=")
    assert (closed["lobby"], closed["locked"], closed["metadata"], closed["capacity"]) == (False, True, {}, 7)
    assert (await terminal.json("room", "set", "team", "--password", "-", says="friend\n"))["password"]
    assert not (await terminal.json("room", "set", "team", "--no-password"))["password"]
    assert "on_owner_left" in (await terminal.run("room", "show", "team")).stdout
    assert (await terminal.run("room", "close", "team")).stdout == "team is closed\n"
    assert await terminal.json("room", "list") == []


async def test_people(terminal: Terminal, meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    assert [one["id"] for one in await terminal.json("participant", "list", "team")] == ["ada"]
    moved = await terminal.json("participant", "set", "team", "ada", "--mute", "--group", "wolves")
    assert (moved["server_muted_audio"], moved["group"]) == (True, "wolves")
    back = await terminal.json("participant", "set", "team", "ada", "--group", "-", "--role", "moderator")
    assert (back["server_muted_audio"], back["group"], back["role"]) == (True, "", "moderator")
    await terminal.run("participant", "kick", "team", "ada", "--reason", "[red]enough[/]", "--ban", "60")
    assert await ada.event("kicked") == {"reason": "[red]enough[/]"}
    await terminal.run("room", "set", "team", "--lobby")
    guest = await meeting.socket()
    await guest.ask("join", room="team", token=pass_for(None), name="[b]Guest")
    (waiting,) = await terminal.json("participant", "waiting", "team")
    assert await terminal.json("participant", "admit", "team", waiting["id"]) == []


async def test_layouts(terminal: Terminal, meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    assert (await terminal.json("layout", "set", "team", "speaker", "--pin", "ada"))["pinned"] == "ada"
    patch = '{"gap": 3, "labels": false}'
    changed = await terminal.json("layout", "set", "team", "--pin", "-", "--file", "-", says=patch)
    assert (changed["preset"], changed["pinned"], changed["gap"], changed["labels"]) == ("speaker", None, 3, False)
    assert (await terminal.json("layout", "undo", "team"))["pinned"] == "ada"
    assert "speaker" in (await terminal.run("layout", "show", "team")).stdout
    later = await terminal.json("layout", "set", "team", "grid", "--at", "2100-01-01T00:00:00Z")
    assert later["at"] == "2100-01-01T00:00:00Z"
    assert (await terminal.json("layout", "show", "team"))["preset"] == "speaker"
    for given in ("[", "[]"):
        refused = await terminal.run("layout", "set", "team", "--file", "-", says=given, status=2)
        assert "--file" in refused.stderr
    assert "say what to change" in (await terminal.run("layout", "set", "team", status=2)).stderr
    assert "preset" in (await terminal.run("layout", "set", "team", "spiral", status=1)).stderr
    await ada.ask("ping")


async def test_recordings(terminal: Terminal, meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    running = await terminal.json("record", "start", "team")
    early = await terminal.run("record", "download", "team", running["id"], status=1)
    assert "still running" in early.stderr
    async with asyncio.timeout(BOUND_S):
        while not (await terminal.json("record", "list", "team"))[0]["duration_s"]:
            pass
    assert (await terminal.json("record", "pause", "team", running["id"]))["state"] == "paused"
    assert (await terminal.json("record", "resume", "team", running["id"]))["state"] == "active"
    finished = await terminal.json("record", "stop", "team", running["id"])
    assert finished["state"] == "finished"
    told = (await terminal.run("record", "download", "team", running["id"])).stdout
    assert told == f"{finished['file']}: {finished['size_bytes']} bytes\n"
    there = await terminal.run("record", "download", "team", running["id"], "no/such/folder.mp4", status=2)
    assert "no/such" in there.stderr
    await ada.ask("ping")


async def test_outputs(terminal: Terminal, meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    running = await terminal.json("output", "start", "team", "-", says="rtmp://127.0.0.1:9/live/secretkey\n")
    assert (running["kind"], running["url"]) == ("rtmp", "rtmp://127.0.0.1:9/live/…")
    listed = await terminal.run("output", "list", "team")
    assert running["id"] in listed.stdout
    assert "secretkey" not in listed.stdout
    assert (await terminal.run("output", "stop", "team", running["id"])).stdout == f"{running['id']} is stopped\n"
    assert [one["state"] for one in await terminal.json("output", "list", "team")] == ["ended"]
    assert "url" in (await terminal.run("output", "start", "team", "ftp://127.0.0.1/x", status=2)).stderr
    assert "no such output" in (await terminal.run("output", "stop", "team", "o1", status=1)).stderr
    await ada.ask("ping")


async def test_a_token_that_the_server_signs(terminal: Terminal, meeting: Meeting) -> None:
    await terminal.run("room", "open", "team")
    options = ["--server", meeting.server.url, "--room", "team", "--identity", "eve", "--grant", "role=moderator"]
    issued = await terminal.json("token", "create", *options)
    shown = await terminal.run("participant", "list", "team", "--key", issued["token"])
    assert shown.stdout.split()[:2] == ["id", "name"]
    assert "administer" in (await terminal.run("room", "close", "team", "--key", issued["token"], status=1)).stderr
    assert "grants.role" in (await terminal.run("token", "create", *options, "--grant", "role=king", status=1)).stderr


async def test_exit_codes(terminal: Terminal) -> None:
    assert "no_such_room" in (await terminal.run("room", "show", "nowhere", status=1)).stderr
    assert "unauthorised" in (await terminal.run("room", "list", "--key", "nonsense", status=1)).stderr
    assert "capacity" in (await terminal.run("room", "open", "team", "--capacity", "0", status=1)).stderr
    assert "doesn't answer" in (await terminal.run("room", "list", "--server", "http://127.0.0.1:9", status=3)).stderr
    assert "no address" in (await terminal.run("room", "list", "--server", "localhost", status=2)).stderr
    assert "key=value" in (await terminal.run("room", "open", "x", "--metadata", "topic", status=2)).stderr
    assert (await terminal.run("room", "list", "--key", "nonsense", "--json", status=1)).stdout == ""


def test_every_command_says_how_it_ends() -> None:
    for group in GROUPS:
        assert "3 the server can't be reached" in " ".join(CliRunner().invoke(app, [group, "--help"]).stdout.split())

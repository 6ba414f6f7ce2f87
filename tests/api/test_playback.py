"""Files to be played over HTTP: sent, named, found, bounded, and gone from the disk when they are open."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from api.films import SPOOL, film_in
from api.server import Server
from mcu.errors import NotFound
from tests.api.conftest import ADMIN_KEY, MakeClient
from tests.api.people import Meeting
from tests.api.socket import SocketClient
from tests.api.terminal import Terminal, terminal
from tests.api.test_groups import bearer
from tests.api.test_views import refused
from tests.kit.engine import FakeEngine
from tests.kit.films import FPS, cards, tone, write_film

__all__ = ["terminal"]

ROOM = "/api/v1/rooms/team"
FILMS = f"{ROOM}/playback"
MP4 = {"Content-Type": "video/mp4"}


@pytest.fixture
async def room(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a server on which the room ``team`` is open."""
    assert (await client.post("/api/v1/rooms", json={"name": "team"})).status_code == 201
    return client


def left_over(recordings_dir: Path) -> list[Path]:
    return list((recordings_dir / SPOOL).iterdir())


async def test_a_file_is_sent_played_governed_and_stopped(
    room: httpx.AsyncClient, server: Server, engine: FakeEngine, recordings_dir: Path
) -> None:
    async with SocketClient(server) as ada:
        await ada.ask("join", room="team", name="Ada")
        made = await room.post(
            FILMS, params={"name": "Film", "loop": "true", "start_s": 2}, content=b"film", headers=MP4
        )
        assert made.status_code == 201, made.text
        info = made.json()
        assert (info["state"], info["name"], info["loop"], info["position_s"]) == ("playing", "Film", True, 2.0)
        assert made.headers["Location"] == f"{FILMS}/{info['id']}"
        assert engine.open_rooms["team"].films == [b"film"]
        assert left_over(recordings_dir) == []
        assert (await ada.event("playback"))["playback"] == info
        assert (await room.get(FILMS)).json()["playbacks"] == [info]
        one = f"{FILMS}/{info['id']}"
        assert (await room.get(one)).json() == info
        changed = (await room.patch(one, json={"paused": True, "position_s": 12.5, "loop": False})).json()
        assert (changed["state"], changed["position_s"], changed["loop"]) == ("paused", 12.5, False)
        assert (await room.patch(one, json={})).json() == changed
        refused(await room.patch(one, json={"position_s": -1}), 422, "invalid", "position_s")
        refused(await room.patch(one, json={"speed": 2}), 422, "invalid", "speed")
        assert (await room.delete(one)).status_code == 204
        refused(await room.get(one), 404, "no_such_playback")
        refused(await room.patch(one, json={"paused": True}), 404, "no_such_playback")


@pytest.mark.parametrize(
    ("request_", "status", "code", "field"),
    [
        ({"content": b"x", "headers": {"Content-Type": "image/png"}}, 415, "unsupported_media_type", None),
        ({"content": b"x", "headers": {"Content-Type": "application/vnd.apple.mpegurl"}}, 415, None, None),
        ({"content": b"", "headers": MP4}, 400, "bad_request", None),
        ({"content": b"x", "headers": MP4, "params": {"start_s": "-1"}}, 422, "invalid", "start_s"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "bad_request", None),
        ({"json": {}}, 422, "invalid", "file"),
        ({"json": {"file": "a.mp4", "recording": "r1"}}, 422, "invalid", "file"),
        ({"json": {"url": "http://localhost/a.mp4"}}, 422, "invalid", "url"),
        ({"json": {"file": "../secret.mp4"}}, 422, "invalid", "file"),
        ({"json": {"file": "/etc/passwd"}}, 422, "invalid", "file"),
        ({"json": {"file": "a.mp4"}}, 409, "no_playback_dir", None),
        ({"json": {"recording": "r1"}}, 404, "no_such_recording", None),
    ],
)
async def test_what_can_not_be_played_is_refused(
    room: httpx.AsyncClient, request_: dict[str, Any], status: int, code: str | None, field: str | None
) -> None:
    answer = await room.post(FILMS, **request_)
    refused(answer, status, code or "unsupported_media_type", field)


async def test_a_file_of_the_servers_folder(make_client: MakeClient, engine: FakeEngine, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "Intro 1.mp4").write_bytes(b"intro")
    client = await make_client(playback={"dir": folder})
    await client.post("/api/v1/rooms", json={"name": "team"})
    made = (await client.post(FILMS, json={"file": "Intro 1.mp4", "paused": True})).json()
    assert (made["name"], made["state"]) == ("Intro 1", "paused")
    assert engine.open_rooms["team"].films == [b"intro"]
    assert (folder / "Intro 1.mp4").exists(), "it is the server's own"
    refused(await client.post(FILMS, json={"file": "other.mp4"}), 404, "no_such_file", "file")


def test_nothing_outside_the_folder_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (folder / "deep" / "film.mp4").write_bytes(b"x")
    (folder / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    for name in ("../secret.mp4", "link.mp4", "deep", "deep/film.mp4", str(tmp_path / "secret.mp4"), "x\0.mp4", ".."):
        with pytest.raises(NotFound):
            film_in(folder, name)


async def test_a_film_may_be_larger_than_other_bodies_and_has_its_own_bound(
    make_client: MakeClient, recordings_dir: Path
) -> None:
    client = await make_client(limits={"max_body_bytes": 1024}, playback={"max_bytes": 8192})
    await client.post("/api/v1/rooms", json={"name": "team"})
    assert (await client.post(FILMS, content=bytes(8192), headers=MP4)).status_code == 201
    refused(await client.post(FILMS, content=bytes(8193), headers=MP4), 413, "too_large")

    async def unsized() -> Any:
        for _ in range(9):
            yield bytes(1024)

    assert (await client.post(FILMS, content=unsized(), headers=MP4)).status_code == 413
    refused(await client.post(f"{ROOM}/messages", content=bytes(2048), headers=MP4), 413, "too_large")
    assert left_over(recordings_dir) == []


async def test_only_moderators_may_and_are_asked_before_the_file_is_taken_in(
    guarded: httpx.AsyncClient, recordings_dir: Path
) -> None:
    await guarded.post("/api/v1/rooms", json={"name": "team"}, headers=bearer(ADMIN_KEY))
    wanted = {"identity": "ada", "grants": {"room": "team"}}
    token = (await guarded.post("/api/v1/tokens", json=wanted, headers=bearer(ADMIN_KEY))).json()["token"]
    refused(await guarded.post(FILMS, content=b"x", headers=MP4 | bearer(token)), 403, "forbidden")
    assert not (recordings_dir / SPOOL).exists()
    assert (await guarded.get(FILMS, headers=bearer(token))).status_code == 200
    wanted = {"identity": "eve", "grants": {"room": "team", "role": "moderator"}}
    token = (await guarded.post("/api/v1/tokens", json=wanted, headers=bearer(ADMIN_KEY))).json()["token"]
    assert (await guarded.post(FILMS, content=b"x", headers=MP4 | bearer(token))).status_code == 201
    refused(await guarded.post(FILMS, json={"recording": "r1"}, headers=bearer(token)), 403, "forbidden")


async def test_at_the_terminal(terminal: Terminal, meeting: Meeting, tmp_path: Path, recordings_dir: Path) -> None:
    await meeting.set_room(capacity=5)
    film = write_film(tmp_path / "intro.mp4", cards(2 * FPS), tone(2))
    made = await terminal.json("playback", "start", "team", str(film), "--loop", "--paused", "--at", "0.5")
    assert (made["name"], made["state"], made["duration_s"], made["position_s"]) == ("intro", "paused", 2.0, 0.5)
    assert left_over(recordings_dir) == []
    identifier = made["id"]
    assert [one["id"] for one in await terminal.json("playback", "list", "team")] == [identifier]
    assert (await terminal.json("playback", "seek", "team", identifier, "1.5"))["position_s"] == 1.5
    assert (await terminal.json("playback", "resume", "team", identifier))["state"] == "playing"
    assert (await terminal.json("playback", "pause", "team", identifier))["state"] == "paused"
    assert not (await terminal.json("playback", "loop", "team", identifier, "--off"))["loop"]
    assert "intro" in (await terminal.run("playback", "list", "team")).stdout
    people = await terminal.json("participant", "list", "team")
    assert [(one["name"], one["kind"]) for one in people] == [("intro", "playback")]
    stopped = await terminal.run("playback", "stop", "team", identifier)
    assert stopped.stdout == f"{identifier} is stopped\n"
    assert await terminal.json("playback", "list", "team") == []
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    assert "send MP4" in (await terminal.run("playback", "start", "team", str(text), status=1)).stderr
    assert "no_playback_dir" in (await terminal.run("playback", "start", "team", "--stored", "a.mp4", status=1)).stderr
    for wrong in ((), (str(film), "--stored", "a.mp4"), (str(tmp_path / "film.doc"),)):
        await terminal.run("playback", "start", "team", *wrong, status=2)

"""Recordings over REST, and that nothing but a recording's own file can be fetched."""

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import create_app
from api.recordings import recording_file
from api.server import Server
from api.settings import Settings
from mcu.errors import NotFound
from mcu.protocol.commands import Join
from tests.api.conftest import ADMIN_KEY, KEY
from tests.kit.engine import FakeEngine

ROOM = "/api/v1/rooms/team"
ALL = f"{ROOM}/recordings"
ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}


@pytest.fixture
async def room(client: httpx.AsyncClient) -> httpx.AsyncClient:
    await client.post("/api/v1/rooms", json={"name": "team"})
    return client


@pytest.fixture
async def finished(room: httpx.AsyncClient) -> str:
    """The id of a finished recording of 256 bytes."""
    number: str = (await room.post(ALL)).json()["id"]
    await room.post(f"{ALL}/{number}/stop")
    return number


async def test_a_recording_from_start_to_stop(room: httpx.AsyncClient) -> None:
    started = await room.post(ALL, json={"view": "main"})
    assert (started.status_code, started.json()["state"]) == (201, "active")
    one = f"{ALL}/{started.json()['id']}"
    again = await room.post(ALL)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    early = await room.get(f"{one}/files/{started.json()['file']}")
    assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
    assert (await room.post(f"{one}/stop")).json()["state"] == "finished"
    assert (await room.post(f"{one}/stop")).status_code == 409
    assert (await room.get(one)).json()["duration_s"] == 1.0
    assert [entry["id"] for entry in (await room.get(ALL)).json()["recordings"]] == [started.json()["id"]]


async def test_a_recording_is_paused_and_goes_on(room: httpx.AsyncClient) -> None:
    started = (await room.post(ALL)).json()
    one = f"{ALL}/{started['id']}"
    paused = await room.post(f"{one}/pause")
    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert paused.json()["pauses"] == [{"at_s": 0.5, "paused_ms": None}]
    assert (await room.post(f"{one}/pause")).json() == paused.json()
    assert (await room.get(ROOM)).json()["paused_views"] == ["main"]
    assert (await room.post(ALL)).status_code == 409
    early = await room.get(f"{one}/files/{started['file']}")
    assert early.status_code == 409, "a paused one still grows"
    resumed = await room.post(f"{one}/resume")
    assert (resumed.status_code, resumed.json()["state"]) == (200, "active")
    assert (await room.post(f"{one}/resume")).json() == resumed.json()
    await room.post(f"{one}/stop")
    for change in ("pause", "resume"):
        late = await room.post(f"{one}/{change}")
        assert (late.status_code, late.json()["code"]) == (409, "wrong_state")
        assert "start another" in late.json()["detail"]


async def test_recordings_that_are_not_there(room: httpx.AsyncClient, finished: str) -> None:
    for answer in (
        await room.get(f"{ALL}/none"),
        await room.post(f"{ALL}/none/stop"),
        await room.post(f"{ALL}/none/pause"),
        await room.post(f"{ALL}/none/resume"),
        await room.get(f"{ALL}/none/files/composite.mp4"),
        await room.get(f"{ALL}/{finished}/files/other.mp4"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_recording")
    assert (await room.post(ALL, json={"view": "side"})).json()["code"] == "no_such_view"
    assert (await room.post(ALL, json={"view": "../x"})).json()["field"] == "view"
    assert (await room.get(f"{ALL}/no%20id")).json()["field"] == "recording"


async def test_a_download_honours_range(room: httpx.AsyncClient, finished: str) -> None:
    url = f"{ALL}/{finished}/files/composite.mp4"
    whole = await room.get(url)
    assert whole.content == bytes(range(256))
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    part = await room.get(url, headers={"Range": "bytes=16-31"})
    assert (part.status_code, part.content) == (206, bytes(range(16, 32)))
    assert part.headers["content-range"] == "bytes 16-31/256"
    assert (await room.get(url, headers={"Range": "bytes=-6"})).content == bytes(range(250, 256))
    assert (await room.get(url, headers={"Range": "bytes=999-"})).status_code == 416


async def guest_of(client: httpx.AsyncClient, **claims: Any) -> dict[str, str]:
    spec = {"grants": {"room": "team", "record": True} | claims.pop("grants", {})} | claims
    issued = await client.post("/api/v1/tokens", json=spec, headers=ADMIN)
    return {"Authorization": f"Bearer {issued.json()['token']}"}


async def record_once(client: httpx.AsyncClient) -> str:
    """The id of a finished recording of the room, which is opened where it isn't."""
    await client.post("/api/v1/rooms", json={"name": "team"}, headers=ADMIN)
    number: str = (await client.post(ALL, headers=ADMIN)).json()["id"]
    await client.post(f"{ALL}/{number}/stop", headers=ADMIN)
    return number


async def test_a_closed_room_leaves_its_recordings_to_who_may_have_them(guarded: httpx.AsyncClient) -> None:
    finished, later = await record_once(guarded), await record_once(guarded)
    url = f"{ALL}/{finished}/files/composite.mp4"
    guest, watcher = await guest_of(guarded), await guest_of(guarded, grants={"record": False})
    stranger = await guest_of(guarded, grants={"room": "other"})
    for closed in (False, True):
        if closed:
            assert (await guarded.delete(ROOM, headers=ADMIN)).status_code == 204
            assert (await guarded.get(ROOM, headers=guest)).status_code == 404
        listed = (await guarded.get(ALL, headers=guest)).json()["recordings"]
        assert [one["id"] for one in listed] == [finished, later]
        assert (await guarded.get(f"{ALL}/{finished}", headers=guest)).json() == listed[0]
        assert (await guarded.get(url, headers=guest)).content == bytes(range(256))
        for headers in (watcher, stranger):
            for path in (ALL, f"{ALL}/{finished}", url):
                assert (await guarded.get(path, headers=headers)).status_code == 403
        assert (await guarded.get(f"{ALL}/none", headers=guest)).json()["code"] == "no_such_recording"
        assert (await guarded.get(f"{ALL}/{finished}/files/x.mp4", headers=guest)).status_code == 404
    assert (await guarded.get(url, headers=ADMIN)).content == bytes(range(256))
    none = await guarded.get("/api/v1/rooms/other/recordings", headers=stranger)
    assert (none.status_code, none.json()["code"]) == (404, "no_such_room")


async def test_who_is_banned_gets_no_recording_of_a_closed_room(guarded: httpx.AsyncClient, engine: FakeEngine) -> None:
    finished = await record_once(guarded)
    eve = await guest_of(guarded, identity="eve")
    team = engine.open_rooms["team"]
    await team.call(Join(name="Eve", identity="eve"))
    team.people["eve"] = team.people["eve"].model_copy(update={"identified": True})
    kicked = await guarded.delete(f"{ROOM}/participants/eve", params={"ban_s": 60}, headers=ADMIN)
    assert kicked.status_code == 204
    assert (await guarded.delete(ROOM, headers=ADMIN)).status_code == 204
    for path in (ALL, f"{ALL}/{finished}", f"{ALL}/{finished}/files/composite.mp4"):
        assert (await guarded.get(path, headers=eve)).json()["code"] == "banned"


async def test_what_was_removed_from_the_disk_is_forgotten_at_the_next_start(recordings_dir: Path) -> None:
    settings = Settings(recordings_dir=recordings_dir, keys={"k1": SecretStr(KEY)}, admin_keys=(SecretStr(ADMIN_KEY),))
    app = create_app(settings, FakeEngine(recordings_dir))
    async with app.router.lifespan_context(app), client_of(app) as client:
        gone, kept = await record_once(client), await record_once(client)
        await client.delete(ROOM, headers=ADMIN)
        assert len((await client.get(ALL, headers=ADMIN)).json()["recordings"]) == 2
    shutil.rmtree(recordings_dir / gone)
    app = create_app(settings, FakeEngine(recordings_dir))
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert [one["id"] for one in (await client.get(ALL, headers=ADMIN)).json()["recordings"]] == [kept]


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://mcu.test")


OUTSIDE = [
    "../secret.txt",
    "..%2fsecret.txt",
    "%2e%2e/secret.txt",
    "%2e%2e%2fsecret.txt",
    "..%5csecret.txt",
    "%2e%2e%5csecret.txt",
    "....//secret.txt",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    "composite.mp4%00",
    "composite.mp4%00.txt",
    "%00",
    ".",
    "..",
    "%2e%2e",
    "linked.mp4",
    "folder",
    "composite.mp4/",
    "x" * 300,
    "%f0%9f%8e%a5.mp4",
]


async def test_no_path_leads_out_of_a_recording(
    server: Server, engine: FakeEngine, recordings_dir: Path, tmp_path: Path
) -> None:
    secret = "a secret outside"
    (tmp_path / "secret.txt").write_text(secret)
    (recordings_dir / "secret.txt").write_text(secret)
    async with httpx.AsyncClient(base_url=server.url) as client:
        await client.post("/api/v1/rooms", json={"name": "team"})
        number = (await client.post(ALL)).json()["id"]
        await client.post(f"{ALL}/{number}/stop")
        (recordings_dir / number / "linked.mp4").symlink_to(tmp_path / "secret.txt")
        (recordings_dir / number / "folder").mkdir()
        (recordings_dir / "alias").symlink_to(tmp_path)
        await engine.close_room("team")  # now only the disk is asked
        for file in [*OUTSIDE, "../../alias/files/secret.txt"]:
            for folder in (number, "..", "%2e%2e", "alias", "no%00ne"):
                answer = await _raw_get(client, f"{ALL}/{folder}/files/{file}")
                if file in (".", "..") and answer.status_code == 200:  # the client tidied it into another address
                    assert answer.json().keys() & {"id", "recordings"}
                else:
                    assert answer.status_code in (404, 422), (folder, file, answer.status_code)
                assert secret not in answer.text
        assert (await client.get(f"{ALL}/{number}/files/composite.mp4")).status_code == 200


async def _raw_get(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """Without httpx tidying the path first."""
    url = httpx.URL(client.base_url, raw_path=path.encode())
    return await client.send(httpx.Request("GET", url))


async def test_a_recording_named_in_any_script_can_be_fetched(
    room: httpx.AsyncClient, engine: FakeEngine, finished: str, recordings_dir: Path
) -> None:
    name = "회의-20260101T000000Z.mp4"
    team = engine.open_rooms["team"]
    team.recordings[finished] = team.recordings[finished].model_copy(update={"file": name})
    (recordings_dir / finished / "composite.mp4").rename(recordings_dir / finished / name)
    answer = await room.get(f"{ALL}/{finished}/files/{quote(name)}")
    assert answer.content == bytes(range(256))
    assert quote(name) in answer.headers["content-disposition"]


def test_only_regular_files_are_handed_out(tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir()
    (tmp_path / "rec" / "a.mp4").write_bytes(b"x")
    assert recording_file(tmp_path, "rec", "a.mp4").read_bytes() == b"x"
    for recording, name in (("rec", "."), ("rec", ".."), ("..", "rec"), ("rec", "a.mp4\n"), ("", "a.mp4"), ("rec", "")):
        with pytest.raises(NotFound):
            recording_file(tmp_path, recording, name)
    with pytest.raises(NotFound):
        recording_file(tmp_path / "none", "rec", "a.mp4")


async def test_a_recordings_folder_behind_a_link_works(tmp_path: Path) -> None:
    (tmp_path / "disk" / "rec").mkdir(parents=True)
    (tmp_path / "disk" / "rec" / "a.mp4").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    assert recording_file(tmp_path / "link", "rec", "a.mp4").read_bytes() == b"x"

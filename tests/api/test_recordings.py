"""Recordings over REST, and that nothing but a recording's own file can be fetched."""

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from api.recordings import recording_file
from api.server import Server
from mcu.errors import NotFound
from tests.api.conftest import ADMIN_KEY
from tests.kit.engine import FakeEngine

ROOM = "/api/v1/rooms/team"
ALL = f"{ROOM}/recordings"


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


async def test_recordings_that_are_not_there(room: httpx.AsyncClient, finished: str) -> None:
    for answer in (
        await room.get(f"{ALL}/none"),
        await room.post(f"{ALL}/none/stop"),
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


async def test_a_closed_rooms_recording_is_the_admins(
    guarded: httpx.AsyncClient, room: httpx.AsyncClient, finished: str
) -> None:
    url = f"{ALL}/{finished}/files/composite.mp4"
    admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
    spec = {"grants": {"room": "team", "record": True}}
    issued = await guarded.post("/api/v1/tokens", json=spec, headers=admin)
    guest = {"Authorization": f"Bearer {issued.json()['token']}"}
    assert (await guarded.get(url, headers=guest)).status_code == 200
    await room.delete(ROOM)
    assert (await guarded.get(url, headers=guest)).json()["code"] == "no_such_room"
    assert (await guarded.get(url, headers=admin)).content == bytes(range(256))


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

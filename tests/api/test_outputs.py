"""Live outputs over REST: what may be asked for, what is told of it, and that nothing else can be fetched."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.outputs import STALE_S, forget_lost_outputs, hls_file
from mcu.errors import NotFound
from mcu.protocol.events import OutputChanged
from mcu.protocol.outputs import NewOutput
from tests.kit.engine import FakeEngine

ROOM = "/api/v1/rooms/team"
ALL = f"{ROOM}/outputs"
RTMP = "rtmp://ada:pass@live.example.org:1936/app/inner/thekey?auth=thetoken"
SRT = "srt://live.example.org:9000?streamid=publish:thekey&passphrase=thepassphrase"
WHIP = "https://live.example.org/whip/thekey?auth=thetoken"


@pytest.fixture
async def room(client: httpx.AsyncClient) -> httpx.AsyncClient:
    await client.post("/api/v1/rooms", json={"name": "team"})
    return client


async def test_an_output_from_start_to_stop(room: httpx.AsyncClient) -> None:
    started = await room.post(ALL, json={"url": RTMP})
    told = started.json()
    assert (started.status_code, told["kind"], told["view"], told["state"]) == (201, "rtmp", "main", "active")
    assert started.headers["location"] == f"{ALL}/{told['id']}"
    assert (await room.get(started.headers["location"])).json() == told
    assert (await room.get(ALL)).json() == {"outputs": [told]}
    assert (await room.delete(started.headers["location"])).status_code == 204
    assert (await room.get(started.headers["location"])).json()["state"] == "ended"
    missing = await room.delete(f"{ALL}/none")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_such_output")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"url": RTMP}, "rtmp://live.example.org:1936/app/…"),
        ({"url": "rtmps://live.example.org/thekey"}, "rtmps://live.example.org/…"),
        ({"url": SRT}, "srt://live.example.org:9000"),
        ({"url": WHIP, "token": "thetoken"}, "https://live.example.org/…"),
    ],
)
async def test_no_secret_of_an_address_is_told_again(
    room: httpx.AsyncClient, engine: FakeEngine, capsys: pytest.CaptureFixture[str], body: dict[str, Any], shown: str
) -> None:
    news = engine.open_rooms["team"].events()
    told = await room.post(ALL, json=body)
    assert told.json()["url"] == shown
    wrong = await room.post(ALL, json=body | {"view": "NOT A VIEW"})
    gone = await room.post(ALL, json=body | {"view": "away"})
    assert (wrong.status_code, gone.status_code) == (422, 404)
    event = await anext(news)
    assert isinstance(event, OutputChanged)
    listed = await room.get(ALL)
    printed = capsys.readouterr()
    everything = told.text + wrong.text + gone.text + listed.text + event.model_dump_json() + printed.out + printed.err
    everything += repr(NewOutput.model_validate(body))
    for secret in ("ada", "pass@", "thekey", "thetoken", "thepassphrase"):
        assert secret not in everything


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"kind": "rtmp"}, "url"),
        ({"kind": "hls", "url": RTMP}, "url"),
        ({"kind": "srt", "url": RTMP}, "kind"),
        ({"kind": "ftp", "url": RTMP}, "kind"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "rtmp:///app/key"}, "url"),
        ({"url": "rtmp://host:99999/app/key"}, "url"),
        ({"url": "rtmp://host/app/key with blanks"}, "url"),
        ({"url": "rtmp://host/app/\nkey"}, "url"),
        ({"url": "rtmp://host/" + "k" * 2048}, "url"),
        ({"url": "srt://host"}, "url"),
        ({"url": "srt://host:9000?streamid=#!::m=publish"}, "url"),
        ({"url": RTMP, "token": "x"}, "token"),
        ({"url": WHIP, "token": "x\r\nHost: elsewhere"}, "token"),
        ({"url": WHIP, "token": "t" * 5000}, "token"),
        ({"url": RTMP, "view": "../main"}, "view"),
        ({"url": RTMP, "codec": "av1"}, "codec"),
    ],
)
async def test_what_is_wrong_is_named(room: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await room.post(ALL, json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


async def test_a_room_has_so_many_outputs_and_no_more(room: httpx.AsyncClient) -> None:
    for _ in range(4):
        assert (await room.post(ALL, json={"kind": "hls"})).status_code == 201
    full = await room.post(ALL, json={"kind": "hls"})
    assert (full.status_code, full.json()["code"]) == (409, "too_many_outputs")


async def test_hls_is_served_as_what_it_is(room: httpx.AsyncClient, recordings_dir: Path) -> None:
    one = (await room.post(ALL, json={"kind": "hls"})).json()["id"]
    assert (await room.get(f"{ALL}/{one}/hls/index.m3u8")).status_code == 404
    folder = recordings_dir / "live" / one
    folder.mkdir(parents=True)
    (folder / "index.m3u8").write_text("#EXTM3U\n7.ts\n")
    (folder / "7.ts").write_bytes(b"G" * 188)
    listed = await room.get(f"{ALL}/{one}/hls/index.m3u8")
    assert (listed.status_code, listed.headers["content-type"]) == (200, "application/vnd.apple.mpegurl")
    assert listed.headers["cache-control"] == "no-cache"
    segment = await room.get(f"{ALL}/{one}/hls/7.ts", headers={"Range": "bytes=0-9"})
    assert (segment.status_code, segment.headers["content-type"], segment.content) == (206, "video/mp2t", b"G" * 10)
    other = (await room.post(ALL, json={"url": RTMP})).json()["id"]
    (recordings_dir / "live" / other).mkdir()
    (recordings_dir / "live" / other / "index.m3u8").write_text("#EXTM3U\n")
    assert (await room.get(f"{ALL}/{other}/hls/index.m3u8")).status_code == 404
    assert (await room.get(f"/api/v1/rooms/elsewhere/outputs/{one}/hls/index.m3u8")).status_code == 404


def test_nothing_but_playlists_and_segments_can_be_fetched(tmp_path: Path) -> None:
    root = tmp_path / "live"
    (root / "o1").mkdir(parents=True)
    (tmp_path / "1.ts").write_text("outside")
    (root / "o1" / "1.ts").write_text("inside")
    (root / "o1" / "2.ts").symlink_to(tmp_path / "1.ts")
    (root / "o1" / "3.ts").mkdir()
    (root / "o2").symlink_to(tmp_path)
    for name in ("key.pem", "index.m3u8.tmp", "1.ts.tmp"):
        (root / "o1" / name).write_text("not for others")
    assert hls_file(root, "o1", "1.ts") == (root / "o1" / "1.ts", "video/mp2t")
    for output, name in (
        ("o1", "2.ts"), ("o1", "3.ts"), ("o1", "4.ts"), ("o1", "key.pem"), ("o1", "1.ts.tmp"), ("o1", "index.m3u8.tmp"),
        ("o1", "../1.ts"), ("o1", "1.ts\n"), ("..", "1.ts"), (".", "1.ts"), ("o2", "1.ts"), ("", "1.ts"), ("o1", ""),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            hls_file(root, output, name)


def test_what_a_crash_left_is_removed_and_what_lives_is_not(tmp_path: Path) -> None:
    for name in ("dead", "live"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.m3u8").write_text("#EXTM3U\n")
    old_s = (tmp_path / "dead").stat().st_mtime - 2 * STALE_S
    os.utime(tmp_path / "dead", (old_s, old_s))
    forget_lost_outputs(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["live"]
    forget_lost_outputs(tmp_path / "nothing")

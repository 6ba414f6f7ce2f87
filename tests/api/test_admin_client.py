"""The Python admin client against the real app: every operation of the document, and every kind of refusal."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from client.admin import (
    AccessDenied,
    Admin,
    AdminRefused,
    Busy,
    Clash,
    InvalidRequest,
    NotThere,
    RoomAdmin,
    ServerFailed,
)
from client.errors import ConnectionLost
from mcu.protocol.announcements import Tone
from mcu.protocol.decor import Banner
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import ViewChanges, ViewSpec
from mcu.protocol.outputs import NewOutput
from mcu.protocol.versions import ScheduledLayout
from tests.api.conftest import ADMIN_KEY, BOUND_S
from tests.api.every_route import every_route
from tests.api.people import Meeting, pass_for
from tests.api.socket import SocketClient
from tests.kit.films import FPS, cards, tone, write_film
from tests.kit.images import RED, file_of, plain

PNG = file_of(plain(RED))
NOT_IN_THE_CLIENT = {"new_peer_id"}
"""For PeerJS."""
MEDIA_DOORS = ("whip_", "whep_")


@pytest.fixture
async def admin(meeting: Meeting) -> AsyncIterator[Admin]:
    async with Admin(meeting.server.url, ADMIN_KEY) as admin:
        await admin.open_room("team", metadata={"topic": "tea"})
        yield admin


def watch(admin: Admin) -> set[str]:
    """The operations that ``admin`` asks for from now on."""
    asked: set[str] = set()
    patterns = [(one, re.sub(r"\{\w+\}", "[^/]+", one.path)) for one in every_route()]

    async def note(request: httpx.Request) -> None:
        path = request.url.path
        asked.update(
            one.operation for one, rule in patterns if one.method == request.method and re.fullmatch(rule, path)
        )

    admin._http.event_hooks["request"].append(note)
    return asked


def sizes(folder: Path) -> dict[str, int]:
    """Of the files in it."""
    return {file.name: file.stat().st_size for file in folder.iterdir()}


async def use_the_room(admin: Admin) -> None:
    room = admin.room("team")
    assert (await room.info()).metadata == {"topic": "tea"}
    assert (await room.update(metadata={"topic": None}, capacity=9)).capacity == 9
    assert (await room.info()).metadata == {}
    assert [one.name for one in await admin.rooms()] == ["team"]
    assert await admin.ice_servers() == ()
    assert "mcu_" in await admin.metrics()
    await admin.health()
    assert (await admin.readiness()).ready
    assert "preset" in (await admin.layout_schema())["properties"]
    assert (await admin.capacity(3, height=180, joining=True)).participants == 3
    issued = await admin.create_token({"room": "team", "role": "moderator"}, identity="eve")
    async with Admin(str(admin._http.base_url), issued.token) as eve:
        assert await eve.room("team").door.waiting() == ()
        with pytest.raises(AccessDenied):
            await eve.room("team").close()
    assert (await room.join_pass(issued.token)).session_url.startswith("ws://")


async def use_views(admin: Admin) -> None:
    room = admin.room("team")
    assert (await room.create_view(ViewSpec(name="tall", width=64, height=128, fps=5))).height == 128
    view = room.view("tall")
    assert [one.name for one in await room.views()] == ["main", "tall"]
    assert (await view.update(ViewChanges(background="#102030"))).background == "#102030"
    assert (await view.spec()).background == "#102030"
    assert (await view.tiles()).canvas.height == 128
    assert (await view.tile_health()).view == "tall"
    assert (await view.snapshot("png")).startswith(b"\x89PNG")
    assert (await view.snapshot()).startswith(b"\xff\xd8")
    before = await view.layout()
    drawn = [await view.preview(kind=kind) for kind in ("svg", "png", "json")]
    assert [one[:4] for one in drawn] == [b"<svg", b"\x89PNG", b'{"ca']
    assert await view.preview({"preset": "speaker"}) != drawn[0]
    after = await view.set_layout(Layout(preset="speaker"), before.etag)
    assert isinstance(after, LayoutState)
    with pytest.raises(Clash) as late:
        await view.patch_layout({"gap": 1}, before.etag)
    assert (late.value.code, late.value.status) == ("layout_changed", 412)
    assert (await view.undo_layout(after.etag)).layout == before.layout
    assert len(await view.layout_versions()) == 3
    later = await view.set_layout(Layout(preset="pip", at=datetime.now(UTC) + timedelta(hours=1)))
    assert isinstance(later, ScheduledLayout)
    assert [one.id for one in await view.scheduled_layouts()] == [later.id]
    await view.cancel_layout(later.id)
    await view.set_banner(Banner(text="Back soon"))
    assert (await view.banner()).text == "Back soon"
    await view.delete_banner()
    await view.set_background_image(PNG, "image/png")
    assert (await view.set_logo(PNG, "image/png", corner="top_left", width=0.2)).logo is not None
    await view.delete_logo()
    assert (await view.decor()).background_image
    await view.delete_background_image()
    await view.delete()


async def use_people(admin: Admin) -> None:
    room = admin.room("team")
    assert [one.id for one in await room.people.list()] == ["ada"]
    assert (await room.people.update("ada", group="wolves", gain=2.0)).group == "wolves"
    assert (await room.people.update("ada", group=None)).group == ""
    assert (await room.people.get("ada")).sound is not None
    assert (await room.people.limit_quality("ada", "low")).choice == "low"
    assert (await room.people.quality("ada")).choice == "low"
    assert (await room.people.set_avatar("ada", PNG, "image/png")).avatar
    await room.people.delete_avatar("ada")
    said = await room.chat.post("Hello", name="Bell", to=["ada"])
    assert (said.delivered, await room.chat.messages()) == (1, ())
    said = await room.chat.post("Hello all")
    assert (await room.chat.edit(said.message_id, "Hello everybody")).text == "Hello everybody"
    assert [one.text for one in await room.chat.messages()] == ["Hello everybody"]
    await room.chat.delete(said.message_id)
    assert (await room.sound.set_group("french", {"": -12.0})).hears == {"": -12.0}
    assert [one.name for one in await room.sound.groups()] == ["", "french"]
    await room.sound.delete_group("french")
    assert (await room.sound.set_group("", {"wolves": -6.0})).name == ""
    playing = await room.sound.announce_tone(Tone(duration_ms=20_000), duck_db=-3)
    assert await room.sound.announcements() != ()
    assert (await room.sound.announcement(playing.id)).duck_db == -3
    await room.sound.stop_announcement(playing.id)
    with pytest.raises(InvalidRequest):
        await room.sound.announce(b"no sound", "audio/ogg", group="wolves")
    await use_playback(room)
    assert (await room.chat.ready()).waiting == ("ada",), "a film is never ready"
    assert (await room.chat.clear_ready()).ready == ()
    await room.people.kick("ada", "enough", ban_s=60)
    assert (await room.door.ban("eve", 60, "not her")).reason == "not her"
    assert [one.identity for one in await room.door.bans()] == ["ada", "eve"]
    await room.door.lift_ban("ada")


async def use_playback(room: RoomAdmin) -> None:
    with TemporaryDirectory() as folder:
        film = await room.playback.play(write_film(Path(folder) / "intro.webm", cards(FPS), tone(1)), loop=True)
    assert (film.name, film.state, film.loop) == ("intro", "playing", True)
    assert (await room.playback.pause(film.id)).state == "paused"
    assert (await room.playback.seek(film.id, 0.5)).position_s == 0.5
    assert not (await room.playback.set_loop(film.id, False)).loop
    assert (await room.playback.get(film.id)).position_s == 0.5
    assert [one.id for one in await room.playback.list()] == [film.id]
    await room.playback.stop(film.id)
    with pytest.raises(NotThere):
        await room.playback.resume(film.id)
    with pytest.raises(Clash):
        await room.playback.play_file("intro.mp4")
    with pytest.raises(NotThere):
        await room.playback.play_recording("r1")


async def use_the_lobby(admin: Admin, meeting: Meeting) -> SocketClient:
    room = admin.room("team")
    await room.update(lobby=True)
    guest = await meeting.socket()
    await guest.ask("join", room="team", token=pass_for(None))
    (waiting,) = await room.door.waiting()
    assert await room.door.admit(waiting.id) == ()
    with pytest.raises(NotThere):
        await room.door.deny("nobody", "not you")
    return guest


async def use_recordings(admin: Admin, folder: Path) -> None:
    recordings = admin.room("team").recordings
    running = await recordings.start()
    with pytest.raises(Clash):
        await recordings.download(running.id, running.file, folder / "early.mp4")
    async with asyncio.timeout(BOUND_S):
        while (await recordings.get(running.id)).duration_s == 0:  # noqa: ASYNC110 - nothing tells of a first picture
            await asyncio.sleep(0.05)
    assert (await recordings.pause(running.id)).state == "paused"
    assert (await recordings.resume(running.id)).state == "active"
    finished = await recordings.stop(running.id)
    with pytest.raises(Clash):
        await recordings.pause(running.id)
    assert [one.id for one in await recordings.list()] == [finished.id]
    target = folder / "here.mp4"
    assert await recordings.download(finished.id, finished.file, target) == finished.size_bytes
    with pytest.raises(NotThere):
        await recordings.download(finished.id, "another.mp4", folder / "another.mp4")
    assert sizes(folder) == {"here.mp4": finished.size_bytes}


async def use_outputs(admin: Admin) -> None:
    outputs = admin.room("team").outputs
    running = await outputs.start(NewOutput(kind="hls"))
    assert running.playlist is not None
    with pytest.raises(InvalidRequest):
        await outputs.start(NewOutput(url="srt://127.0.0.1:9?mode=listener"))
    async with asyncio.timeout(BOUND_S):
        while (await outputs.get(running.id)).state != "active":  # noqa: ASYNC110 - its process takes its time
            await asyncio.sleep(0.05)
    with pytest.raises(NotThere):
        await outputs.hls_file(running.id, "99.ts")
    await outputs.stop(running.id)
    assert [one.state for one in await outputs.list()] == ["ended"]


async def test_everything_that_the_document_offers_is_in_the_client(
    admin: Admin, meeting: Meeting, tmp_path: Path
) -> None:
    asked = watch(admin)
    ada = await meeting.enter("ada")
    await use_the_room(admin)
    await use_views(admin)
    await use_people(admin)
    await ada.closed()
    target = tmp_path / "downloads"
    target.mkdir()
    await use_recordings(admin, target)
    await use_outputs(admin)
    guest = await use_the_lobby(admin, meeting)
    with pytest.raises(Clash) as twice:
        await admin.open_room("team", view=ViewSpec(width=64, height=64))
    assert (twice.value.code, twice.value.field) == ("room_exists", "name")
    await admin.room("team").close()
    await guest.closed()
    offered = {one.operation for one in every_route() if one.operation}
    assert asked - {""} == {one for one in offered - NOT_IN_THE_CLIENT if not one.startswith(MEDIA_DOORS)}


async def test_an_idle_connection_is_given_up_before_the_server_ends_it(admin: Admin, meeting: Meeting) -> None:
    """Or a request could be on its way in that very moment, and be lost."""
    pool = admin._http._transport._pool  # type: ignore[attr-defined]  # httpx shows it to nobody
    assert pool._keepalive_expiry < meeting.server.config.timeout_keep_alive


async def test_refusals_say_what_is_wrong(meeting: Meeting) -> None:
    async with Admin(meeting.server.url) as nobody, Admin(meeting.server.url, "nonsense") as wrong:
        for one in (nobody, wrong):
            with pytest.raises(AccessDenied) as refused:
                await one.rooms()
            assert (refused.value.status, refused.value.code) == (401, "unauthorised")
    async with Admin(meeting.server.url, ADMIN_KEY) as admin:
        with pytest.raises(InvalidRequest) as invalid:
            await admin.open_room("team", capacity=0)
        assert (invalid.value.code, invalid.value.field) == ("invalid", "capacity")
        with pytest.raises(NotThere) as missing:
            await admin.room("회의 #1?").info()
        assert missing.value.code == "no_such_room"
        assert "회의 #1?" in missing.value.reason


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (503, {"retry-after": "5"}, {"code": "no_capacity", "detail": "full"}, Busy),
        (429, {"retry-after": "soon"}, {"code": "too_many_requests", "detail": "slower"}, Busy),
        (500, {}, {"code": "internal", "detail": "oh"}, ServerFailed),
        (502, {"content-type": "text/html"}, "<h1>Bad gateway</h1>", ServerFailed),
        (404, {}, ["no object"], NotThere),
        (302, {"location": "http://elsewhere"}, {}, ServerFailed),
        (200, {}, {"rooms": [{"name": 1}]}, ServerFailed),
        (200, {}, {"halls": []}, ServerFailed),
        (200, {"content-type": "text/html"}, "<h1>Welcome</h1>", ServerFailed),
    ],
)
async def test_whatever_answers_is_an_error_of_the_client(
    status: int, headers: dict[str, str], body: object, kind: type[AdminRefused]
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"content-type": "application/problem+json"} | headers, content=content)

    async with httpx.AsyncClient(base_url="http://mcu.test", transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(kind) as refused:
            await Admin("http://mcu.test", http=http).rooms()
    assert refused.value.status == status
    assert refused.value.retry_after_s == (5 if headers.get("retry-after") == "5" else None)


async def test_a_server_that_is_not_ready_says_why() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, json={"ready": False, "reason": "the engine doesn't answer"})

    async with httpx.AsyncClient(base_url="http://mcu.test", transport=httpx.MockTransport(answer)) as http:
        readiness = await Admin("http://mcu.test", http=http).readiness()
    assert (readiness.ready, readiness.reason) == (False, "the engine doesn't answer")


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    async with Admin("http://127.0.0.1:9", timeout_s=5) as admin:
        with pytest.raises(ConnectionLost):
            await admin.rooms()
        with pytest.raises(ConnectionLost):
            await admin.room("team").recordings.download("r1", "composite.mp4", tmp_path / "x.mp4")
    assert sizes(tmp_path) == {}
    with pytest.raises(ValueError, match="no address"):
        Admin("localhost:8080")

"""Images over REST: put up and taken away, by whom, and what is refused before a room sees it."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.server import Server
from api.settings import Settings
from mcu.config import EngineConfig
from mcu.engine.inline import InlineEngine
from mcu.engine.processes import ProcessEngine
from mcu.protocol.commands import Join, SetAvatar, SetBackgroundImage, SetLogo
from mcu.protocol.decor import MAX_IMAGE_BYTES, LogoPlace
from tests.api.conftest import MakeClient
from tests.api.problems import problem
from tests.api.socket import SocketClient
from tests.api.test_decor import ADMIN, member, room
from tests.api.test_views import ROOM, VIEWS
from tests.kit.engine import FakeEngine
from tests.kit.images import RED, file_of, plain, png_that_says

__all__ = ["member", "room"]

BACKGROUND, LOGO, DECOR = f"{VIEWS}/main/background-image", f"{VIEWS}/main/logo", f"{VIEWS}/main/decor"
AVATAR = f"{ROOM}/participants/ada/avatar"
PNG = {"Content-Type": "image/png"}
FILE = file_of(plain(RED))


async def test_a_background_image_and_a_logo_come_and_go(room: httpx.AsyncClient, engine: FakeEngine) -> None:
    nothing = {"background_image": False, "logo": None}
    assert (await room.get(DECOR)).json() == nothing
    put = await room.put(BACKGROUND, content=FILE, headers={"Content-Type": "image/JPEG; q=1"})
    assert (put.status_code, put.json()) == (200, nothing | {"background_image": True})
    assert SetBackgroundImage(image=FILE) in engine.open_rooms["team"].calls
    put = await room.put(LOGO, params={"corner": "bottom_left", "width": 0.5}, content=FILE, headers=PNG)
    assert put.json() == {"background_image": True, "logo": {"corner": "bottom_left", "width": 0.5}}
    logo = SetLogo(image=FILE, place=LogoPlace(corner="bottom_left", width=0.5))
    assert logo in engine.open_rooms["team"].calls
    assert (await room.put(LOGO, content=FILE, headers=PNG)).json()["logo"] == {"corner": "top_right", "width": 0.1}
    for path in (BACKGROUND, LOGO):
        for _ in range(2):
            assert (await room.delete(path)).status_code == 204
    assert (await room.get(DECOR)).json() == nothing


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ({"corner": "middle"}, "corner"),
        ({"width": "0"}, "width"),
        ({"width": "1.1"}, "width"),
        ({"width": "nan"}, "width"),
    ],
)
async def test_a_logo_that_would_lie_nowhere(room: httpx.AsyncClient, place: dict[str, str], field: str) -> None:
    problem(await room.put(LOGO, params=place, content=FILE, headers=PNG), 422, "invalid", field)


@pytest.mark.parametrize("path", [BACKGROUND, LOGO, AVATAR])
async def test_a_body_that_is_no_image_reaches_no_room(room: httpx.AsyncClient, engine: FakeEngine, path: str) -> None:
    await engine.open_rooms["team"].call(Join(name="Ada", identity="ada"))

    async def too_long() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield bytes(64 * 1024)

    for kind in ("image/gif", "image/svg+xml", "application/json", "multipart/form-data; boundary=x", ""):
        problem(await room.put(path, content=FILE, headers={"Content-Type": kind}), 415, "unsupported_media_type")
    problem(await room.put(path, content=bytes(MAX_IMAGE_BYTES + 1), headers=PNG), 413, "too_large")
    problem(await room.put(path, content=too_long(), headers=PNG), 413, "too_large")
    problem(await room.put(path, content=b"", headers=PNG), 400, "bad_request")
    assert not any(
        isinstance(call, SetBackgroundImage | SetLogo | SetAvatar) for call in engine.open_rooms["team"].calls
    )
    assert (await room.put(path, content=bytes(MAX_IMAGE_BYTES), headers=PNG)).status_code == 200


async def test_images_have_a_bound_of_their_own(make_client: MakeClient, engine: FakeEngine) -> None:
    client = await make_client(limits={"max_body_bytes": 4 * 1024 * 1024})
    await client.post("/api/v1/rooms", json={"name": "team"})
    problem(await client.put(BACKGROUND, content=bytes(MAX_IMAGE_BYTES + 1), headers=PNG), 413, "too_large")
    assert not any(isinstance(call, SetBackgroundImage) for call in engine.open_rooms["team"].calls)


async def test_views_and_people_who_are_not_there(room: httpx.AsyncClient) -> None:
    for path in (f"{VIEWS}/none/background-image", f"{VIEWS}/none/logo"):
        problem(await room.put(path, content=FILE, headers=PNG), 404, "no_such_view")
        problem(await room.delete(path), 404, "no_such_view")
    problem(await room.get(f"{VIEWS}/none/decor"), 404, "no_such_view")
    assert (await room.put(AVATAR, content=FILE, headers=PNG)).status_code == 404
    assert (await room.delete(AVATAR)).status_code == 404


async def test_moderators_dress_everybody_and_a_participant_itself(
    guarded: httpx.AsyncClient, member: dict[str, str], engine: FakeEngine
) -> None:
    for who in ("ada", "bob"):
        await engine.open_rooms["team"].call(Join(name=who, identity=who))
    bobs = AVATAR.replace("ada", "bob")
    for path in (BACKGROUND, LOGO, bobs):
        problem(await guarded.put(path, content=FILE, headers=PNG | member), 403, "forbidden")
        problem(await guarded.delete(path, headers=member), 403, "forbidden")
        problem(await guarded.put(path, content=FILE, headers=PNG), 401, "unauthorised")
        assert (await guarded.put(path, content=FILE, headers=PNG | ADMIN)).status_code == 200
    own = await guarded.put(AVATAR, content=FILE, headers=PNG | member)
    assert (own.status_code, own.json()["id"], own.json()["avatar"]) == (200, "ada", True)
    assert (await guarded.delete(AVATAR, headers=member)).status_code == 204
    assert not engine.open_rooms["team"].people["ada"].avatar
    grants = {"room": "team", "join": False}
    made = await guarded.post("/api/v1/tokens", json={"identity": "ada", "grants": grants}, headers=ADMIN)
    watcher = {"Authorization": f"Bearer {made.json()['token']}"}
    problem(await guarded.put(AVATAR, content=FILE, headers=PNG | watcher), 403, "forbidden")


async def test_who_is_in_the_room_hears_of_images(server: Server) -> None:
    async with SocketClient(server) as ada, httpx.AsyncClient(base_url=server.url) as rest:
        me = (await ada.ask("join", room="team", name="Ada"))["participant"]
        assert me["avatar"] is False
        await rest.put(LOGO, content=FILE, headers=PNG)
        told = await ada.event("decor_changed")
        logo = {"corner": "top_right", "width": 0.1}
        assert told == {"view": "main", "decor": {"background_image": False, "logo": logo}}
        await rest.put(f"{ROOM}/participants/{me['id']}/avatar", content=FILE, headers=PNG)
        assert (await ada.event("participant_updated"))["participant"]["avatar"] is True


@pytest.mark.parametrize("make_engine", [InlineEngine, partial(ProcessEngine, workers=1)], ids=["inline", "workers"])
async def test_a_real_room_says_why_it_refuses_an_image(
    tmp_path: Path, make_engine: Callable[[EngineConfig], InlineEngine | ProcessEngine]
) -> None:
    engine = make_engine(EngineConfig(recordings_dir=tmp_path))
    await engine.start()
    app = create_app(Settings(recordings_dir=tmp_path), engine)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://mcu.test") as client,
    ):
        await client.post("/api/v1/rooms", json={"name": "team", "view": {"width": 320, "height": 180}})
        assert "damaged" in problem(await client.put(LOGO, content=FILE[:-9], headers=PNG), 422, "invalid")["detail"]
        huge = problem(await client.put(LOGO, content=png_that_says(9999, 9999), headers=PNG), 422, "invalid")
        assert "16 megapixels" in huge["detail"]
        assert (await client.put(LOGO, content=FILE, headers=PNG)).status_code == 200


async def test_the_api_document_says_what_the_body_is(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path in ("views/{view}/background-image", "views/{view}/logo", "participants/{participant}/avatar"):
        body = paths[f"/api/v1/rooms/{{room}}/{path}"]["put"]["requestBody"]
        assert set(body["content"]) == {"image/jpeg", "image/png", "image/webp"}

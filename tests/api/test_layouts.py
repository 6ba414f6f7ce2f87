"""The layout as clients of the API change it: at once, merging, back again, or when its time comes."""

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api import previews
from mcu.protocol.commands import Join, Joined, Leave
from mcu.protocol.versions import MAX_SCHEDULED, MAX_VERSIONS
from mcu.room.plugins import Box, LayoutContext, Place
from tests.api.problems import problem
from tests.kit.engine import FakeEngine

API = "/api/v1"
ROOM = f"{API}/rooms/team"
LAYOUT = f"{ROOM}/views/main/layout"
FAR = "2099-12-24T18:00:00Z"


@pytest.fixture
async def room(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a server on which the room ``team`` is open."""
    assert (await client.post(f"{API}/rooms", json={"name": "team"})).status_code == 201
    return client


async def join(engine: FakeEngine, name: str) -> str:
    reply = await engine.open_rooms["team"].call(Join(name=name, identity=name))
    assert isinstance(reply, Joined)
    return reply.participant.id


async def test_a_layout_is_replaced_and_merged(room: httpx.AsyncClient, engine: FakeEngine) -> None:
    await join(engine, "ada")
    assert (await room.get(LAYOUT)).json()["preset"] == "grid"
    put = await room.put(LAYOUT, json={"preset": "speaker", "gap": 4})
    assert (put.json()["preset"], put.json()["gap"]) == ("speaker", 4)
    patched = await room.patch(LAYOUT, json={"pinned": "ada"})
    assert (patched.json()["preset"], patched.json()["gap"], patched.json()["pinned"]) == ("speaker", 4, "ada")
    assert (await room.patch(LAYOUT, json={"pinned": None})).json()["pinned"] is None
    assert (await room.put(LAYOUT, json={"preset": "grid"})).json()["gap"] == 8


async def test_null_takes_away(room: httpx.AsyncClient) -> None:
    await room.put(LAYOUT, json={"gap": 4, "preset": "speaker"})
    merged = (await room.patch(LAYOUT, json={"gap": None, "on_screen_share": None})).json()
    assert (merged["gap"], merged["preset"], merged["on_screen_share"]) == (8, "speaker", None)


async def test_a_lost_race_for_the_layout(room: httpx.AsyncClient) -> None:
    first = (await room.get(LAYOUT)).headers["etag"]
    assert first.startswith('"')
    second = await room.put(LAYOUT, json={"gap": 1}, headers={"If-Match": first})
    assert second.headers["etag"] not in (first, "")
    for method in ("PUT", "PATCH", "DELETE"):
        body = {} if method == "DELETE" else {"json": {"gap": 2}}
        late = await room.request(method, LAYOUT, headers={"If-Match": first}, **body)  # type: ignore[arg-type]  # a body
        problem(late, 412, "layout_changed", "If-Match")
        weak = await room.request(method, LAYOUT, headers={"If-Match": f"W/{second.headers['etag']}"}, **body)  # type: ignore[arg-type]  # a body
        assert weak.status_code == 412
    assert (await room.get(LAYOUT)).json()["gap"] == 1
    either = {"If-Match": f"{first}, {second.headers['etag']}"}
    assert (await room.patch(LAYOUT, json={"gap": 3}, headers=either)).json()["gap"] == 3
    assert (await room.put(LAYOUT, json={"gap": 5}, headers={"If-Match": "*"})).json()["gap"] == 5


async def test_of_many_who_saw_the_same_version_one_wins(room: httpx.AsyncClient) -> None:
    etag = (await room.get(LAYOUT)).headers["etag"]
    answers = await asyncio.gather(
        *(room.put(LAYOUT, json={"gap": gap}, headers={"If-Match": etag}) for gap in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + 9 * [412]
    (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert (await room.get(LAYOUT)).json() == winner


async def test_merges_at_the_same_time_all_count(room: httpx.AsyncClient) -> None:
    patches: list[dict[str, Any]] = [
        {"gap": 1},
        {"labels": False},
        {"max_tiles": 5},
        {"fit": "contain"},
        {"background": "#000000"},
        {"preset": "spotlight"},
    ]
    answers = await asyncio.gather(*(room.patch(LAYOUT, json=patch) for patch in patches))
    assert {answer.status_code for answer in answers} == {200}
    layout = (await room.get(LAYOUT)).json()
    assert all(layout[name] == value for patch in patches for name, value in patch.items())


BAD_LAYOUTS: list[tuple[dict[str, Any], str]] = [
    ({"preset": "spiral"}, "preset"),
    ({"gap": -1}, "gap"),
    ({"gap": 1e999}, "gap"),
    ({"max_tiles": 50}, "max_tiles"),
    ({"background": "red; }"}, "background"),
    ({"pinned": "../x"}, "pinned"),
    ({"pinned": "nobody"}, "pinned"),
    ({"preset": "plugin:"}, "preset"),
    ({"preset": "plugin:../x"}, "preset"),
    ({"region": []}, "region"),
    ({"at": "2026-12-24T18:00:00"}, "at"),
    ({"at": "tomorrow"}, "at"),
    ({"at": 1_800_000_000}, "at"),
    ({"at": "9999-12-31T23:59:59-14:00"}, "at"),
]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_layout_that_cannot_be_drawn(room: httpx.AsyncClient, method: str) -> None:
    before = (await room.get(LAYOUT)).json()
    for body, field in BAD_LAYOUTS:
        answer = await room.request(
            method, LAYOUT, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        problem(answer, 422, "invalid", field)
    assert (await room.get(LAYOUT)).json() == before


async def test_a_layout_that_is_no_object(room: httpx.AsyncClient) -> None:
    for method in ("PUT", "PATCH"):
        assert (await room.request(method, LAYOUT, json=[])).json()["code"] == "invalid"


async def test_a_patch_nested_deeper_than_any_layout(room: httpx.AsyncClient) -> None:
    deep = b'{"x":' * 400 + b"1" + b"}" * 400
    answer = await room.patch(LAYOUT, content=deep, headers={"Content-Type": "application/json"})
    problem(answer, 422, "invalid")


async def test_delete_goes_back_one_change_at_a_time(room: httpx.AsyncClient) -> None:
    problem(await room.delete(LAYOUT), 409, "wrong_state")
    await room.put(LAYOUT, json={"gap": 1})
    await room.put(LAYOUT, json={"gap": 2})
    again = await room.put(LAYOUT, json={"gap": 2})
    undone = await room.delete(LAYOUT, headers={"If-Match": again.headers["etag"]})
    assert undone.json()["gap"] == 1
    assert undone.headers["etag"] != again.headers["etag"]
    assert (await room.delete(LAYOUT)).json()["gap"] == 8
    problem(await room.delete(LAYOUT), 409, "wrong_state")


async def test_an_undo_brings_nobody_back_who_left(room: httpx.AsyncClient, engine: FakeEngine) -> None:
    ada = await join(engine, "ada")
    await room.put(LAYOUT, json={"pinned": ada, "gap": 1})
    await room.put(LAYOUT, json={"gap": 2})
    await engine.open_rooms["team"].call(Leave(participant=ada))
    undone = (await room.delete(LAYOUT)).json()
    assert (undone["gap"], undone["pinned"]) == (1, None)


async def test_the_history_says_who_and_when(room: httpx.AsyncClient) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    last = await room.put(LAYOUT, json={"gap": 1})
    newest, oldest = (await room.get(f"{LAYOUT}/history")).json()["versions"]
    assert (newest["layout"]["gap"], f'"{newest["etag"]}"', newest["by"]) == (1, last.headers["etag"], "admin")
    assert before <= datetime.fromisoformat(newest["changed_at"]) <= datetime.now(UTC)
    assert (oldest["layout"]["gap"], oldest["by"]) == (8, None)
    for n in range(MAX_VERSIONS + 5):
        await room.put(LAYOUT, json={"gap": n % 2})
    versions = (await room.get(f"{LAYOUT}/history")).json()["versions"]
    assert len(versions) == MAX_VERSIONS == len({version["etag"] for version in versions})


async def test_a_change_waits_for_its_time(room: httpx.AsyncClient) -> None:
    later = await room.put(LAYOUT, json={"gap": 1, "at": "2099-12-24T20:00:00+02:00"})
    assert later.status_code == 202
    assert later.json()["at"] == FAR
    assert (later.json()["layout"]["gap"], later.json()["by"]) == (1, "admin")
    sooner = await room.patch(LAYOUT, json={"gap": 2, "at": "2099-01-01T00:00:00Z"})
    assert (sooner.status_code, sooner.json()["patch"]) == (202, {"gap": 2})
    assert (await room.get(LAYOUT)).json()["gap"] == 8
    waiting = (await room.get(f"{LAYOUT}/scheduled")).json()["scheduled"]
    assert [one["id"] for one in waiting] == [sooner.json()["id"], later.json()["id"]]
    assert (await room.delete(later.headers["location"])).status_code == 204
    problem(await room.delete(later.headers["location"]), 404, "no_such_change")
    assert len((await room.get(f"{LAYOUT}/scheduled")).json()["scheduled"]) == 1


async def test_a_time_that_has_passed_means_now(room: httpx.AsyncClient) -> None:
    answer = await room.put(LAYOUT, json={"gap": 1, "at": "2001-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["gap"]) == (200, 1)
    assert answer.headers["etag"]
    assert (await room.get(f"{LAYOUT}/scheduled")).json()["scheduled"] == []


async def test_if_match_of_a_scheduled_change_is_about_now(room: httpx.AsyncClient) -> None:
    etag = (await room.get(LAYOUT)).headers["etag"]
    assert (await room.put(LAYOUT, json={"gap": 1, "at": FAR}, headers={"If-Match": etag})).status_code == 202
    await room.put(LAYOUT, json={"gap": 2})
    problem(await room.put(LAYOUT, json={"at": FAR}, headers={"If-Match": etag}), 412, "layout_changed", "If-Match")


async def test_the_schedule_is_bounded(room: httpx.AsyncClient) -> None:
    for _ in range(MAX_SCHEDULED):
        assert (await room.patch(LAYOUT, json={"at": FAR})).status_code == 202
    problem(await room.patch(LAYOUT, json={"at": FAR}), 409, "schedule_full")


async def test_a_scheduled_change_is_checked_when_it_is_asked_for(room: httpx.AsyncClient) -> None:
    for method in ("PUT", "PATCH"):
        problem(await room.request(method, LAYOUT, json={"gap": 99, "at": FAR}), 422, "invalid", "gap")
    assert (await room.get(f"{LAYOUT}/scheduled")).json()["scheduled"] == []


async def test_the_schema_of_a_layout(client: httpx.AsyncClient) -> None:
    schema = (await client.get(f"{API}/schemas/layout")).json()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"preset", "gap", "pinned", "at"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("path", ["", "/history", "/scheduled"])
async def test_a_view_that_is_not_there(room: httpx.AsyncClient, path: str) -> None:
    problem(await room.get(f"{ROOM}/views/side/layout{path}"), 404, "no_such_view")


DRAWN = [("svg", "image/svg+xml", b"<svg"), ("png", "image/png", b"\x89PNG"), ("json", "application/json", b"{")]


@pytest.mark.parametrize(("kind", "media_type", "start"), DRAWN)
async def test_a_dry_run_draws_and_changes_nothing(
    room: httpx.AsyncClient, engine: FakeEngine, kind: str, media_type: str, start: bytes
) -> None:
    before = await room.get(LAYOUT)
    team = engine.open_rooms["team"]
    for method, body in (("GET", None), ("PUT", {"preset": "spotlight", "pinned": "nobody"}), ("PATCH", {"at": FAR})):
        answer = await room.request(method, LAYOUT, params={"dry_run": kind, "participants": 3}, json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
        assert answer.content.startswith(start)
    after = await room.get(LAYOUT)
    assert (after.json(), after.headers["etag"]) == (before.json(), before.headers["etag"])
    assert len(team.desk().layout.history.versions) == 1
    assert (await room.get(f"{LAYOUT}/scheduled")).json()["scheduled"] == []


async def test_a_dry_run_in_json_is_what_the_document_says(room: httpx.AsyncClient) -> None:
    described = (await room.get("/openapi.json")).json()
    shown = await room.get(LAYOUT, params={"dry_run": "json", "participants": 2, "screens": 1})
    for method in ("get", "put", "patch"):
        operation = described["paths"]["/api/v1/rooms/{room}/views/{view}/layout"][method]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert {one["$ref"].rpartition("/")[2] for one in schema["anyOf"]} == {"Layout", "DrawnLayout"}
    drawn = described["components"]["schemas"]["DrawnLayout"]
    assert set(shown.json()) == set(drawn["properties"]) == set(drawn["required"])
    tile = described["components"]["schemas"]["DrawnTile"]
    assert [set(one) for one in shown.json()["tiles"]] == [set(tile["required"])] * 3


async def test_a_dry_run_shows_the_layout_that_is_proposed(room: httpx.AsyncClient) -> None:
    await room.put(LAYOUT, json={"max_tiles": 4})
    people = {"dry_run": "json", "participants": "9"}

    async def tiles(method: str, body: dict[str, Any] | None = None, **more: str) -> list[dict[str, Any]]:
        answer = await room.request(method, LAYOUT, params=people | more, json=body)
        found: list[dict[str, Any]] = answer.json()["tiles"]
        return found

    assert len(await tiles("GET")) == 4
    assert len(await tiles("PUT", {})) == 9
    assert len(await tiles("PATCH", {"gap": 0})) == 4
    assert len(await tiles("PATCH", {"preset": "spotlight"})) == 1
    shared = await tiles("PUT", {}, screens="1")
    assert [tile["source"] for tile in shared].count("screen") == 1


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"participants": 50}, "participants"),
        ({"participants": -1}, "participants"),
        ({"screens": 50}, "screens"),
        ({"dry_run": "gif"}, "dry_run"),
    ],
)
async def test_a_dry_run_is_bounded(room: httpx.AsyncClient, params: dict[str, Any], field: str) -> None:
    for method, body in (("GET", None), ("PUT", {}), ("PATCH", {})):
        answer = await room.request(method, LAYOUT, params={"dry_run": "svg"} | params, json=body)
        problem(answer, 422, "invalid", field)
    assert (await room.get(LAYOUT, params={"dry_run": "svg", "participants": 0})).status_code == 200


async def test_a_dry_run_of_what_cannot_be_drawn(room: httpx.AsyncClient) -> None:
    problem(await room.patch(LAYOUT, params={"dry_run": "svg"}, json={"gap": 99}), 422, "invalid", "gap")
    problem(await room.put(LAYOUT, params={"dry_run": "svg"}, json={"gap": 99}), 422, "invalid", "gap")


async def test_a_dry_run_of_a_plugin(room: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def row(context: LayoutContext) -> list[Place]:
        assert len(context.members) < 4
        return [Place(one.key, Box(20 * n, 0, 20, 20)) for n, one in enumerate(context.members)]

    monkeypatch.setattr(previews, "load_plugin", lambda name: {"row": row}[name])
    drawn = await room.put(LAYOUT, params={"dry_run": "json", "participants": 3}, json={"preset": "plugin:row"})
    assert [tile["box"]["x"] for tile in drawn.json()["tiles"]] == [0, 20, 40]
    failed = await room.put(LAYOUT, params={"dry_run": "json", "participants": 4}, json={"preset": "plugin:row"})
    assert "AssertionError" in problem(failed, 422, "invalid", "preset")["detail"]
    shared: dict[str, str | int] = {"dry_run": "json", "participants": 4, "screens": 1}
    assert len((await room.put(LAYOUT, params=shared, json={"preset": "plugin:row"})).json()["tiles"]) == 5


async def test_a_merge_patch_by_its_own_media_type(room: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    assert (await room.patch(LAYOUT, content=b'{"gap": 2}', headers=headers)).json()["gap"] == 2


async def test_only_so_many_dry_runs_at_once(room: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slow(*_: object) -> bytes:
        assert go_on.wait(10)
        return b"<svg/>"

    monkeypatch.setattr(previews, "draw", slow)
    drawing = [asyncio.create_task(room.get(LAYOUT, params={"dry_run": "svg"})) for _ in range(6)]
    try:
        async with asyncio.timeout(10):
            for refused, task in enumerate(asyncio.as_completed(drawing), 1):
                assert problem(await task, 503, "no_capacity")["detail"]
                if refused == 2:
                    break
        assert (await room.get(LAYOUT)).status_code == 200  # the event loop is free meanwhile
    finally:
        go_on.set()
    answers = await asyncio.gather(*drawing)
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [503] * 2

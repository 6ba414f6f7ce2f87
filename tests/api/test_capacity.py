"""``/capacity`` and who is turned away for it, as clients see both."""

import asyncio

import httpx
import pytest

from api.engine import cores
from api.settings import CostSettings, Limits
from mcu.protocol.commands import Command, GetTiles, Reply
from tests.api.conftest import MakeClient, MakeServer
from tests.api.socket import SocketClient
from tests.kit.engine import FakeEngine, FakeRoom

COSTS = CostSettings(view=0.4, seen=0.02, person=0.01)


async def asked(client: httpx.AsyncClient, **question: object) -> dict[str, object]:
    answer = await client.get("/api/v1/capacity", params={name: str(value) for name, value in question.items()})
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_a_quiet_server_takes_five_more_and_says_that_it_guesses(make_client: MakeClient) -> None:
    client = await make_client()
    found = await asked(client, participants=5, height=720)
    assert (found["fits"], found["participants"]) == (True, 5)
    assert (found["enforced"], found["calibrated"]) == (False, False)
    reasons = found["reasons"]
    assert isinstance(reasons, list)
    assert any("mcu bench calibrate" in reason for reason in reasons)


async def test_more_pixels_and_more_people_need_more(make_client: MakeClient) -> None:
    client = await make_client(limits=Limits(costs=COSTS))
    need = [
        (await asked(client, **question))["cores_needed"]
        for question in (
            {"participants": 5, "height": 360},
            {"participants": 5, "height": 720},
            {"participants": 50, "height": 720},
            {"participants": 50, "joining": True},
        )
    ]
    assert need == pytest.approx([0.25, 0.55, 1.22, 0.82])
    assert not (await asked(client, participants=1000))["fits"]


async def test_nonsense_is_refused(make_client: MakeClient) -> None:
    client = await make_client()
    answer = await client.get("/api/v1/capacity", params={"participants": "0"})
    assert answer.status_code == 422


async def test_a_busy_server_opens_no_room_where_it_is_told_to_mind(
    make_client: MakeClient, engine: FakeEngine
) -> None:
    client = await make_client(limits=Limits(max_load=0.8, costs=COSTS))
    assert (await client.post("/api/v1/rooms", json={"name": "early"})).status_code == 201
    engine.cores_busy = 0.79 * cores()
    answer = await client.post("/api/v1/rooms", json={"name": "late"})
    assert answer.status_code == 503
    assert answer.json()["code"] == "no_capacity"
    assert int(answer.headers["Retry-After"]) > 0
    assert "late" not in engine.open_rooms


async def test_a_busy_server_whose_costs_are_unknown_refuses_nobody_by_guessing(
    make_client: MakeClient, engine: FakeEngine
) -> None:
    client = await make_client(limits=Limits(max_load=0.8))
    engine.cores_busy = 0.79 * cores()
    assert not (await asked(client, participants=5))["fits"]
    assert (await client.post("/api/v1/rooms", json={"name": "late"})).status_code == 201
    engine.cores_busy = 0.81 * cores()
    assert (await client.post("/api/v1/rooms", json={"name": "later"})).status_code == 503


async def test_without_a_bound_the_busiest_server_refuses_nobody(make_client: MakeClient, engine: FakeEngine) -> None:
    client = await make_client(limits=Limits(costs=COSTS))
    engine.cores_busy = 99.0
    assert (await client.post("/api/v1/rooms", json={"name": "late"})).status_code == 201


async def test_somebody_new_is_turned_away_and_who_resumes_is_not(make_server: MakeServer, engine: FakeEngine) -> None:
    server = await make_server(limits=Limits(max_load=0.8, costs=COSTS))
    async with SocketClient(server) as ada:
        joined = await ada.ask("join", room="team", name="Ada")
    engine.cores_busy = 0.81 * cores()
    async with SocketClient(server) as zoe:
        refusal = await zoe.refused("join", room="team", name="Zoé")
        assert refusal["code"] == "no_capacity"
    async with SocketClient(server) as again:
        assert (await again.ask("join", room="team", name="Ada", resume=joined["resume_token"]))["resumed"] is True


async def test_who_gets_no_answer_is_refused_in_time(
    make_server: MakeServer, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.gateway.JOIN_S", 0.3)
    server, answer, stuck = await make_server(), FakeRoom.call, asyncio.Event()

    async def busy(self: FakeRoom, command: Command) -> Reply:
        if isinstance(command, GetTiles):
            await stuck.wait()
        return await answer(self, command)

    monkeypatch.setattr(FakeRoom, "call", busy)
    async with SocketClient(server) as ada:
        refusal = await ada.refused("join", room="team", name="Ada")
        assert refusal["code"] == "no_capacity"
        assert "too busy" in refusal["message"]
        people = engine.open_rooms["team"].people.values()
        assert {person.presence for person in people} <= {"reconnecting"}, "nobody waits for an answer any more"
        monkeypatch.setattr("api.gateway.JOIN_S", 20.0)
        stuck.set()
        assert (await ada.ask("join", room="team", name="Ada"))["resumed"] is False

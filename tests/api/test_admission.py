"""Who is turned away for want of processor time, at every door, and that a room has only the process it lives in."""

import httpx
import pytest

import api.capacity
import api.promises
from api.settings import CostSettings, Limits
from tests.api.conftest import MakeClient, MakeServer
from tests.api.credentials import bearer
from tests.api.people import ADMIN_KEY, KEY, pass_for
from tests.api.problems import problem
from tests.api.socket import SocketClient
from tests.api.test_capacity import asked
from tests.api.test_whip import post, started
from tests.kit.engine import FakeEngine

COSTS = CostSettings(view=0.2, seen=0.02, person=0.01)
MINDFUL = Limits(max_load=0.8, costs=COSTS)
KEYS = {"keys": {"k1": KEY}, "admin_keys": (ADMIN_KEY,)}


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which a test says itself how busy they are, with everybody who is there by then."""
    monkeypatch.setattr(api.capacity, "cores", lambda: 2)
    monkeypatch.setattr(api.promises, "SETTLE_NS", 0)


def turned_away(answer: httpx.Response) -> None:
    problem(answer, 503, "no_capacity")
    assert int(answer.headers["retry-after"]) > 0


async def two_processes(client: httpx.AsyncClient, engine: FakeEngine, full: float) -> None:
    """The room ``full`` in one that is as busy as said, ``calm`` in the other."""
    for name in ("full", "calm"):
        await started(client, f"/whip/{name}")
    engine.busy_of = {"full": full}
    engine.cores_busy = 0.1


async def test_a_room_can_take_only_what_its_own_process_has_left(make_client: MakeClient, engine: FakeEngine) -> None:
    client = await make_client(limits=MINDFUL)
    await two_processes(client, engine, full=0.75)
    for question, fits in (
        ({"participants": 5, "room": "full"}, False),
        ({"participants": 5, "room": "calm"}, True),
        ({"participants": 5}, True),  # of their own, in the process with the most left
        ({"participants": 5, "joining": True}, True),
        ({"participants": 15}, False),  # 0.65 cores: the machine has 0.75 left, no process has
    ):
        found = await asked(client, **question)
        assert found["fits"] is fits, found
    full = await asked(client, room="full")
    assert full["cores_free"] == pytest.approx(0.05)
    assert "the process that has the room" in str(full["reasons"])


async def test_joins_are_judged_by_the_process_of_the_room(make_client: MakeClient, engine: FakeEngine) -> None:
    client = await make_client(limits=MINDFUL)
    await two_processes(client, engine, full=0.79)
    turned_away(await post(client, "/whip/full"))
    await started(client, "/whip/calm")
    assert (await client.post("/api/v1/rooms", json={"name": "another"})).status_code == 201


async def test_who_only_watches_needs_less_but_not_nothing(make_client: MakeClient, engine: FakeEngine) -> None:
    client = await make_client(limits=MINDFUL)
    await two_processes(client, engine, full=0.785)
    turned_away(await post(client, "/whip/full"))
    await started(client, "/whep/full")
    engine.busy_of = {"full": 0.795}
    people = len(engine.open_rooms["full"].people)
    turned_away(await post(client, "/whep/full"))
    turned_away(await post(client, f"/whep/full/{next(iter(engine.open_rooms['full'].people))}"))
    assert len(engine.open_rooms["full"].people) == people


async def test_an_unmeasured_machine_refuses_where_a_process_is_busy_already(
    make_client: MakeClient, engine: FakeEngine
) -> None:
    client = await make_client(limits=Limits(max_load=0.8))
    await two_processes(client, engine, full=0.79)
    await started(client, "/whip/full")
    engine.busy_of = {"full": 0.81}
    turned_away(await post(client, "/whip/full"))
    await started(client, "/whip/calm")


async def test_no_token_and_no_claim_to_have_been_there_gets_by(make_server: MakeServer, engine: FakeEngine) -> None:
    server = await make_server(limits=MINDFUL, **KEYS)
    async with SocketClient(server) as ada:
        joined = await ada.ask("join", room="team", token=pass_for("ada"))
    engine.cores_busy = 1.595
    for grants, resume in (({}, None), ({"hidden": True}, None), ({"role": "moderator"}, None), ({}, "made up")):
        async with SocketClient(server) as zoe:
            refusal = await zoe.refused("join", room="team", token=pass_for("zoe", **grants), resume=resume)
            assert refusal["code"] == "no_capacity", (grants, resume)
    async with SocketClient(server) as ada:
        again = await ada.ask("join", room="team", token=pass_for("ada"), resume=joined["resume_token"])
        assert again["resumed"] is True
    async with SocketClient(server) as ada:
        await ada.ask("join", room="team", token=pass_for("ada"))  # replaces herself: nobody more is there
    assert list(engine.open_rooms["team"].people) == ["ada"]


async def test_capacity_is_told_to_admins_only(make_client: MakeClient) -> None:
    client = await make_client(**KEYS)
    answer = await client.get("/api/v1/capacity", params={"room": "team"}, headers=bearer(pass_for("ada")))
    assert answer.status_code == 403

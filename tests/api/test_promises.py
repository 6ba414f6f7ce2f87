"""Many who come in one instant: a server takes those that fit and no more, and a promise nobody keeps ends."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

import api.capacity
import api.gateway
from api.capacity import Admission
from api.promises import SETTLE_NS, Newcomers
from api.settings import CostSettings, Limits, Settings
from mcu.engine.capacity import Place
from mcu.errors import NoCapacity
from mcu.protocol.commands import Command, Join, Reply
from mcu.protocol.models import RoomSpec
from tests.api.conftest import MakeClient
from tests.api.test_whip import post, started
from tests.kit.clock import FakeClock
from tests.kit.engine import FakeEngine, FakeRoom

COSTS = CostSettings(view=0.2, seen=0.02, person=0.01)
MINDFUL = Limits(max_load=0.8, costs=COSTS)
"""Of two cores 1.6, of which a person takes 0.03 and their room 0.2."""


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.capacity, "cores", lambda: 2)


class AsyncEngine(FakeEngine):
    """Its answers come from elsewhere, as those of worker processes do: others are served meanwhile."""

    async def places(self) -> Sequence[Place]:
        await asyncio.sleep(0)
        places = await super().places()
        await asyncio.sleep(0)
        return places


@pytest.fixture
def engine(recordings_dir: Path) -> FakeEngine:
    return AsyncEngine(recordings_dir)


def let_in(answers: Sequence[httpx.Response]) -> int:
    assert {answer.status_code for answer in answers} <= {201, 503}
    return sum(answer.status_code == 201 for answer in answers)


async def test_of_twenty_who_join_in_one_instant_those_come_in_who_fit(
    make_client: MakeClient, engine: FakeEngine
) -> None:
    client = await make_client(limits=MINDFUL)
    await started(client)
    engine.cores_busy = 1.6 - 0.23 - 5 * 0.03 - 0.001  # with the first one and the view, who are not measured yet
    answers = await asyncio.gather(*(post(client) for _ in range(20)))
    assert let_in(answers) == len(engine.open_rooms["team"].people) - 1 == 5
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 503)
    assert (await post(client)).status_code == 503, "those who have just come are in no measured load yet"


async def test_twenty_who_open_one_room_together_share_what_it_takes(
    make_client: MakeClient, engine: FakeEngine
) -> None:
    client = await make_client(limits=MINDFUL)
    engine.cores_busy = 1.6 - 0.2 - 7 * 0.03 - 0.001
    assert let_in(await asyncio.gather(*(post(client) for _ in range(20)))) == 7
    assert len(engine.open_rooms["team"].people) == 7


async def test_rooms_that_open_in_one_instant_share_the_machine(make_client: MakeClient, engine: FakeEngine) -> None:
    client = await make_client(limits=MINDFUL)
    engine.cores_busy = 1.6 - 3 * 0.23 - 0.001
    assert let_in(await asyncio.gather(*(post(client, f"/whip/room{number}") for number in range(9)))) == 3


async def test_a_join_that_fails_or_takes_too_long_gives_its_place_back(
    make_client: MakeClient, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, answer, hangs = await make_client(limits=MINDFUL), FakeRoom.call, [True] * 5

    async def call(self: FakeRoom, command: Command) -> Reply:
        if isinstance(command, Join) and hangs:
            hangs.pop()
            await asyncio.Event().wait()
        return await answer(self, command)

    await started(client)
    monkeypatch.setattr(FakeRoom, "call", call)
    monkeypatch.setattr(api.gateway, "JOIN_S", 0.5)
    engine.cores_busy = 1.6 - 0.23 - 5 * 0.03 - 0.001
    assert let_in(await asyncio.gather(*(post(client) for _ in range(20)))) == 0, "five never got an answer"
    hangs.clear()
    monkeypatch.setattr(api.gateway, "JOIN_S", 20.0)
    assert let_in(await asyncio.gather(*(post(client) for _ in range(20)))) == 5


async def test_what_is_promised_is_as_long_as_no_load_shows_it(recordings_dir: Path) -> None:
    clock, engine = FakeClock(), AsyncEngine(recordings_dir)
    room = await engine.open(RoomSpec(name="team"))
    admission = Admission(Settings(limits=MINDFUL, recordings_dir=recordings_dir), engine, clock)
    engine.cores_busy = 1.6 - 0.23 - 0.03 - 0.001
    newcomer = Newcomers(room="team", joining=True)
    async with admission.admitted(newcomer):
        await room.call(Join(name="Ada"))
    async with admission.admitted(newcomer):
        with pytest.raises(NoCapacity):
            async with admission.admitted(newcomer):
                raise AssertionError("there is no place left")
        await room.call(Join(name="Bo"))
    async with admission.entry(newcomer) as refusal:
        assert refusal is not None
    clock.advance(ms=SETTLE_NS / 1e6)
    async with admission.entry(newcomer) as refusal:
        assert refusal is None, "by now the load is what it is with both of them"
    with pytest.raises(ZeroDivisionError):
        async with admission.admitted(newcomer):
            raise ZeroDivisionError
    async with admission.entry(newcomer) as refusal:
        assert refusal is None, "who never came takes nothing"

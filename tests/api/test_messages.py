"""Whatever a client sends: an answer, a known error, or the end of its socket. Never anything else."""

import asyncio
import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from api.auth import OPEN
from api.errors import error_body
from api.session import Session, enter
from api.signaling.conversation import Closing
from api.signaling.requests import REQUESTS, perform
from api.signaling.websocket import parse_request
from mcu.bans import MemoryBans
from mcu.clock import NS_PER_S
from mcu.errors import McuError
from mcu.flood import Bucket
from mcu.protocol.models import RoomSpec
from mcu.protocol.wire import JoinData, Reply, Request
from tests.kit.engine import FakeRoom

KINDS = (*REQUESTS, "dance", "")
FIELDS = ("candidate", "sdpMid", "layout", "preset", "view", "participant", "x")
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("main")
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=8,
)


@given(text=st.text(max_size=200) | values.map(json.dumps))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_request_or_answered_or_the_end(text: str) -> None:
    try:
        parsed = parse_request(text)
    except Closing as closing:
        outcome: int | Request | Reply | None = closing.code
    else:
        outcome = parsed
    assert outcome == 1008 or isinstance(outcome, Request) or (isinstance(outcome, Reply) and not outcome.ok)


def data_for(kind: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """A message of this type, most of whose fields are such as it has."""
    names = [*REQUESTS[kind].model_fields, "x"] if kind in REQUESTS else list(FIELDS)
    return st.tuples(st.just(kind), st.dictionaries(st.sampled_from(names), values, max_size=len(names)))


async def nowhere() -> None:
    """A room that can't be found again."""


@given(message=st.sampled_from(KINDS).flatmap(data_for))
@settings(max_examples=100, deadline=None)
def test_any_message_of_a_joined_client_is_carried_out_or_refused(message: tuple[str, dict[str, Any]]) -> None:
    kind, data = message

    async def run() -> None:
        room = FakeRoom(RoomSpec(name="team"), Path("recordings"))
        asked = JoinData(room="team", name="Ada")
        session = await enter(room, OPEN, MemoryBans(), asked, trusted=False, find=nowhere)
        assert isinstance(session, Session)
        try:
            answer = await perform(session, kind, data)
        except McuError as error:
            answer = error_body(error).model_dump()
        assert json.loads(to_json(answer)) is not None

    asyncio.run(run())


class HeldClock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns

    def wall_ns(self) -> int:
        return self.ns


def test_a_bucket_holds_a_burst_and_fills_at_its_rate() -> None:
    clock = HeldClock()
    bucket = Bucket(50.0, 100, clock)
    assert [bucket.take() for _ in range(101)] == [True] * 100 + [False]
    clock.ns += NS_PER_S // 10
    assert [bucket.take() for _ in range(6)] == [True] * 5 + [False]
    clock.ns += 3600 * NS_PER_S
    assert sum(bucket.take() for _ in range(200)) == 100

"""Webhooks: what is said, how it is signed, and that every endpoint hears of every event in its room's order."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from api.loading import SettingsError, load_settings
from api.settings import OutboxSettings, Settings, WebhookSettings
from api.webhooks.delivery import Delivery, Failure
from api.webhooks.endpoint import Endpoint, WebhookAnnouncer
from api.webhooks.events import ALL_EVENTS, DEFAULT_EVENTS, WebhookEvent
from api.webhooks.signature import key_of, signed_headers, verified
from api.webhooks.webhooks import Webhooks
from mcu.engine.news import Knocked, News, RoomEnded, RoomOpened
from mcu.protocol import events as e
from mcu.protocol.access import WaitingInfo
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import (
    ParticipantInfo,
    PixelSize,
    RecordingInfo,
    RoomInfo,
    SpeakerLevel,
    TileMap,
    ViewSpec,
)
from mcu.protocol.outputs import OutputInfo, OutputState
from mcu.protocol.playback import PlaybackInfo, PlaybackState
from mcu.store.interfaces import NewEntry, OutboxEntry
from mcu.store.store import Store
from tests.kit.clock import FakeClock
from tests.kit.store import FrailStore

BOUND_S = 20.0
SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0cywgbG9uZw=="
KEY = key_of(SECRET)
URL = "http://hooks.test/mcu"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = ParticipantInfo(id="ada", name="Ada 김", joined_at=NOW)
TEAM = RoomInfo(
    name="team", capacity=5, participants=0, views=(ViewSpec(),), recording=False, created_at=NOW, metadata={}
)


# Signatures


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The example that the libraries of Standard Webhooks are tested with; in two parts, lest a scan for secrets find
    one in it.
    """
    key = key_of("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_only_what_was_signed_just_now_is_believed() -> None:
    good = signed_headers(KEY, "evt_1", 1000, b"body")
    assert verified(KEY, good, b"body", 1000 + 299)
    assert verified(KEY, good | {"webhook-signature": "v1,AAAA " + good["webhook-signature"]}, b"body", 1000)
    assert not verified(KEY, good, b"body.", 1000)
    assert not verified(b"another key of some length", good, b"body", 1000)
    assert not verified(KEY, good | {"webhook-id": "evt_2"}, b"body", 1000)
    assert not verified(KEY, good | {"webhook-timestamp": "1001"}, b"body", 1000)
    for now_s in (1000 + 301, 1000 - 301):
        assert not verified(KEY, good, b"body", now_s)
    for missing in good:
        assert not verified(KEY, {name: value for name, value in good.items() if name != missing}, b"body", 1000)
    assert not verified(KEY, good | {"webhook-timestamp": "now"}, b"body", 1000)
    assert not verified(KEY, good | {"webhook-signature": "v1,ünïcode"}, b"body", 1000)


# What is said


def output(state: OutputState) -> e.OutputChanged:
    info = OutputInfo(
        id="o", room="team", kind="rtmp", view="main", state=state, url="rtmp://live.example.org/app/…",
        started_at=NOW, duration_s=1, bytes_sent=2, error="Connection refused" if state == "failed" else None,
    )  # fmt: skip
    return e.OutputChanged(output=info)


def recording(state: str, *pauses: dict[str, float | None]) -> e.RecordingChanged:
    facts = {"id": "r", "room": "team", "view": "main", "file": "a.mp4", "started_at": NOW}
    info = RecordingInfo.model_validate(facts | {"state": state, "duration_s": 1, "size_bytes": 2, "pauses": pauses})
    return e.RecordingChanged(recording=info)


def playback(state: PlaybackState) -> e.PlaybackChanged:
    facts = {"id": "f", "participant": "playback-f", "name": "Film", "position_s": 1, "duration_s": None, "loop": True}
    facts |= {"audio": True, "video": True, "started_at": NOW, "state": state}
    return e.PlaybackChanged(playback=PlaybackInfo.model_validate(facts))


NEWS: list[tuple[News, WebhookEvent | None, dict[str, Any]]] = [
    (RoomOpened(TEAM), "room_opened", {"room": {"name": "team", "capacity": 5}}),
    (e.RoomUpdated(room=TEAM), "room_updated", {"room": {"name": "team"}}),
    (RoomEnded("lost"), "room_closed", {"reason": "lost"}),
    (e.ParticipantJoined(participant=ADA), "participant_joined", {"participant": {"id": "ada", "name": "Ada 김"}}),
    (
        Knocked(WaitingInfo(id="bob", name="Bob", since=NOW)),
        "participant_waiting",
        {"participant": {"id": "bob", "name": "Bob", "since": "2026-03-01T12:00:00Z"}},
    ),
    (e.ParticipantUpdated(participant=ADA), "participant_updated", {"participant": {"id": "ada"}}),
    (
        e.ParticipantLeft(id="ada", reason="kicked"),
        "participant_left",
        {"participant": {"id": "ada", "name": "Ada 김"}, "reason": "kicked"},
    ),
    (output("starting"), None, {}),
    (output("active"), "output_started", {"output": {"id": "o", "state": "active"}}),
    (output("retrying"), "output_interrupted", {"output": {"state": "retrying"}}),
    (output("ended"), "output_finished", {"output": {"state": "ended"}}),
    (output("failed"), "output_failed", {"output": {"error": "Connection refused"}}),
    (recording("starting"), None, {}),
    (recording("active"), "recording_started", {"recording": {"id": "r", "state": "active"}}),
    (
        recording("paused", {"at_s": 0.5, "paused_ms": None}),
        "recording_paused",
        {"recording": {"state": "paused", "pauses": [{"at_s": 0.5, "paused_ms": None}]}},
    ),
    (recording("active", {"at_s": 0.5, "paused_ms": 70}), "recording_resumed", {"recording": {"state": "active"}}),
    (recording("finished", {"at_s": 0.5, "paused_ms": 70}), "recording_stopped", {"recording": {"state": "finished"}}),
    (recording("finished"), "recording_stopped", {"recording": {"state": "finished"}}),
    (recording("failed"), "recording_stopped", {"recording": {"state": "failed"}}),
    (playback("paused"), "playback_changed", {"playback": {"id": "f", "state": "paused", "name": "Film"}}),
    (
        e.LayoutChangedEvent(view="main", state=LayoutState(layout=Layout(), etag="2-a"), by="ada"),
        "layout_changed",
        {"view": "main", "etag": "2-a", "by": "ada"},
    ),
    (
        e.Speakers(active=(SpeakerLevel(id="ada", level=0.5),), dominant="ada"),
        "speaker_changed",
        {"participant": {"id": "ada", "name": "Ada 김"}},
    ),
    (e.Speakers(active=(), dominant=None), "speaker_changed", {"participant": None}),
    (
        e.QualityChanged(to="ada", tier="low", reason="loss", choice="auto"),
        "quality_changed",
        {"participant": {"id": "ada", "name": "Ada 김"}, "tier": "low", "reason": "loss", "choice": "auto"},
    ),
    (
        e.LoadChanged(level=1, step="rate", reason="pictures_late"),
        "load_changed",
        {"level": 1, "step": "rate", "reason": "pictures_late"},
    ),
    (
        e.PeerFailed(to="ada", connection="main", message="x"),
        "connection_failed",
        {"participant": {"id": "ada"}, "connection": "main"},
    ),
    (e.Kicked(to="ada", reason="x"), None, {}),
    (e.RoomClosed(), None, {}),
    (e.Tiles(tiles=TileMap(view="main", layout_seq=1, canvas=PixelSize(width=2, height=2), tiles=())), None, {}),
]


@pytest.mark.parametrize(("news", "kind", "data"), NEWS)
def test_news_become_the_json_of_their_kind(news: News, kind: WebhookEvent | None, data: dict[str, Any]) -> None:
    announcer = WebhookAnnouncer([Endpoint("hook", URL, KEY, frozenset(ALL_EVENTS))], lambda: "evt_1", lambda: NOW)
    entries = announcer("team", news, ADA)
    if kind is None:
        assert entries == ()
        return
    (entry,) = entries
    assert (entry.endpoint, entry.room, entry.event, entry.created_ms) == ("hook", "team", "evt_1", 1772366400000)
    body = json.loads(entry.body)
    assert {**body, "data": None} == {
        "id": "evt_1",
        "type": kind,
        "room": "team",
        "at": "2026-03-01T12:00:00Z",
        "data": None,
    }
    assert _part_of(body["data"], data)


def _part_of(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return all(name in whole and _part_of(whole[name], value) for name, value in part.items())
    return bool(whole == part)


def test_every_kind_of_event_is_tested_above() -> None:
    assert {kind for _, kind, _ in NEWS if kind} == set(ALL_EVENTS)


def test_an_endpoint_hears_what_it_asked_for_and_all_the_same_id() -> None:
    endpoints = [
        Endpoint("some", URL, KEY, frozenset(DEFAULT_EVENTS)),
        Endpoint("voices", URL, KEY, frozenset({"speaker_changed", "room_closed"})),
    ]
    announcer = WebhookAnnouncer(endpoints)
    (speaker,) = announcer("team", e.Speakers(active=(), dominant=None), None)
    assert speaker.endpoint == "voices"
    closed = announcer("team", RoomEnded("closed"), None)
    assert [entry.endpoint for entry in closed] == ["some", "voices"]
    assert closed[0].event == closed[1].event != speaker.event


# Settings


def test_webhooks_come_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = {"url": "https://example.org/hook?a=b", "secret": SECRET}
    monkeypatch.setenv("MCU_WEBHOOKS", json.dumps([hook, {**hook, "name": "ci", "events": ["room_closed"]}]))
    settings = load_settings()
    first, second = map(Endpoint.of, settings.webhooks)
    assert (first.url, first.events, first.key) == (hook["url"], frozenset(DEFAULT_EVENTS), KEY)
    assert (second.name, second.events) == ("ci", frozenset({"room_closed"}))
    assert first.name == Endpoint.of(settings.webhooks[0]).name != second.name
    assert SECRET in settings.secrets
    assert SECRET not in repr(settings)
    assert "c2Vj" not in repr(first)


@pytest.mark.parametrize(
    ("hooks", "complaint"),
    [
        ([{"url": "ftp://example.org", "secret": SECRET}], "URL scheme"),
        ([{"url": URL, "secret": "too short"}], "at least 16 bytes"),
        ([{"url": URL, "secret": "whsec_ä"}], "base64"),
        ([{"url": URL, "secret": SECRET}, {"url": URL, "secret": SECRET}], "same name or URL"),
        ([{"url": URL, "secret": SECRET, "events": ["everything"]}], "room_opened"),
        ([{"url": URL, "secret": SECRET, "events": []}], "at least 1"),
    ],
)
def test_webhooks_that_would_not_work_are_refused(
    hooks: list[dict[str, Any]], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCU_WEBHOOKS", json.dumps(hooks))
    with pytest.raises(SettingsError, match=complaint):
        load_settings()


def test_the_stores_password_is_kept_out_of_logs() -> None:
    settings = Settings.model_validate({"store": {"url": "postgresql://mcu:hunter2@db/mcu"}})
    assert "hunter2" in settings.secrets
    assert "hunter2" not in repr(settings)
    with pytest.raises(ValidationError):
        Settings.model_validate({"store": {"uri": "memory"}})


# Delivery


Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]


def answered(status: int, **headers: str) -> httpx.Response:
    """An answer whose body is still to be read, as those of a network are."""

    async def body() -> AsyncIterator[bytes]:
        yield b"thanks"

    return httpx.Response(status, headers=headers, content=body())


class Receiver:
    """The other side: ``answer`` decides, ``events`` are those it took, ``asked`` those that came at all."""

    def __init__(self) -> None:
        self.answer: Answer = self.say(200)
        self.asked: list[str] = []
        self.events: list[str] = []
        self.changed = asyncio.Event()

    @staticmethod
    def say(status: int, **headers: str) -> Answer:
        async def answer(_: httpx.Request) -> httpx.Response:
            return answered(status, **headers)

        return answer

    async def handle(self, request: httpx.Request) -> httpx.Response:
        event = request.headers["webhook-id"]
        self.asked.append(event)
        self.changed.set()
        response = await self.answer(request)
        if response.is_success:
            self.events.append(event)
        self.changed.set()
        return response

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOUND_S):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


class Post:
    """An outbox, its delivery and its receiver, on a clock that the test moves."""

    def __init__(self, store: FrailStore, http: httpx.AsyncClient, receiver: Receiver, **limits: Any) -> None:
        self.store = store
        self.receiver = receiver
        self.clock = FakeClock()
        self._http = http
        self._limits = OutboxSettings(**limits)
        self.delivery = self.begin()

    def begin(self, endpoint: str = "hook") -> Delivery:
        target = Endpoint(endpoint, URL, KEY, frozenset(ALL_EVENTS))
        self.delivery = Delivery(target, self.store, self._http, self._limits, self.clock, lambda: 1.0)
        return self.delivery

    async def add(self, *events: str, endpoint: str = "hook") -> None:
        """``a1`` is an event of room a."""
        now_ms = self.clock.wall_ns() // 10**6
        entries = [NewEntry(endpoint, event[0], event, f'{{"id":"{event}"}}', now_ms) for event in events]
        async with self.store.write() as unit:
            await unit.outbox.add(entries)
        self.delivery.wake()

    async def waiting(self, room: str) -> list[OutboxEntry]:
        async with self.store.read() as unit:
            return list(await unit.outbox.lane("hook", room, 100))

    async def postponed(self, room: str, attempts: int) -> OutboxEntry:
        """The room's first entry once it has failed so often."""
        async with asyncio.timeout(BOUND_S):
            while True:
                entries = await self.waiting(room)
                if entries and entries[0].attempts == attempts:
                    return entries[0]
                await asyncio.sleep(0.002)

    async def empty(self) -> None:
        async with asyncio.timeout(BOUND_S):
            while await self.delivery.pending():  # noqa: ASYNC110 - the database has no event
                await asyncio.sleep(0.002)

    def later(self, seconds: float) -> None:
        self.clock.advance(ms=seconds * 1000)
        self.delivery.wake()


MakePost = Callable[..., Post]


@pytest.fixture
async def make_post() -> AsyncIterator[MakePost]:
    async with contextlib.AsyncExitStack() as stack:
        store = await Store.open("memory")
        stack.push_async_callback(store.close)
        receiver = Receiver()
        http = await stack.enter_async_context(httpx.AsyncClient(transport=httpx.MockTransport(receiver.handle)))

        def make(**limits: Any) -> Post:
            post = Post(FrailStore(store), http, receiver, **limits)
            stack.push_async_callback(lambda: post.delivery.close())
            return post

        yield make


@pytest.fixture
def post(make_post: MakePost) -> Post:
    return make_post()


async def test_each_event_is_posted_once_signed_and_in_its_rooms_order(post: Post) -> None:
    seen: list[bool] = []

    async def check(request: httpx.Request) -> httpx.Response:
        now_s = post.clock.wall_ns() / 1e9
        seen.append(verified(KEY, request.headers, request.content, now_s))
        assert json.loads(request.content)["id"] == request.headers["webhook-id"]
        assert request.headers["content-type"] == "application/json"
        return answered(204)

    post.receiver.answer = check
    events = [f"{room}{number:02}" for number in range(30) for room in "abc"]
    await post.add(*events)
    post.delivery.start()
    await post.receiver.until(lambda: len(post.receiver.events) == len(events))
    await post.empty()
    for room in "abc":
        assert [one for one in post.receiver.asked if one[0] == room] == [one for one in events if one[0] == room]
    assert all(seen)
    assert (post.delivery.statistics.delivered, post.delivery.statistics.failed) == (90, 0)


async def test_a_room_waits_for_its_failed_event_and_the_others_go_on(post: Post) -> None:
    async def refuse_a1(request: httpx.Request) -> httpx.Response:
        return answered(500 if request.headers["webhook-id"] == "a1" else 200)

    post.receiver.answer = refuse_a1
    await post.add("a1", "a2", "b1", "b2")
    post.delivery.start()
    first = await post.postponed("a", attempts=1)
    await post.receiver.until(lambda: post.receiver.events == ["b1", "b2"])
    assert first.next_ms - post.clock.wall_ns() // 10**6 == 1000
    assert "a2" not in post.receiver.asked
    post.receiver.answer = post.receiver.say(200)
    post.later(0.9)
    await post.add("c1")
    await post.receiver.until(lambda: "c1" in post.receiver.events)
    assert post.receiver.asked.count("a1") == 1
    post.later(0.1)
    await post.receiver.until(lambda: post.receiver.events[-2:] == ["a1", "a2"])


async def test_pauses_grow_up_to_a_bound_and_are_jittered(make_post: MakePost) -> None:
    post = make_post(max_backoff_s=10)
    post.receiver.answer = post.receiver.say(503)
    await post.add("a1")
    post.delivery.start()
    pauses = []
    for attempts in range(1, 7):
        entry = await post.postponed("a", attempts)
        pauses.append((entry.next_ms - post.clock.wall_ns() // 10**6) / 1000)
        post.later(pauses[-1])
    assert pauses == [1, 2, 4, 8, 10, 10]
    assert post.delivery.statistics.failed >= 6
    await post.delivery.close()
    low = Delivery(post.delivery.endpoint, post.store, httpx.AsyncClient(), OutboxSettings(), post.clock, lambda: 0.0)
    await low._postpone((await post.waiting("a"))[0], Failure("test"))
    low_pause_s = (await post.waiting("a"))[0].next_ms / 1000 - post.clock.wall_ns() / 1e9
    assert 0 < low_pause_s <= 300 / 2
    assert Delivery.__init__.__defaults__ == (random.random,)


@pytest.mark.parametrize(
    ("wish", "pause_s"),
    [("7", 7.0), ("0", 1.0), ("3600", 60.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 1.0), ("-5", 1.0), ("9" * 400, 1.0)],
)
async def test_an_endpoint_says_when_it_wants_to_be_asked_again(make_post: MakePost, wish: str, pause_s: float) -> None:
    post = make_post(max_backoff_s=60)
    post.receiver.answer = post.receiver.say(429, **{"retry-after": wish})
    await post.add("a1")
    post.delivery.start()
    entry = await post.postponed("a", 1)
    assert (entry.next_ms - post.clock.wall_ns() // 10**6) / 1000 == pause_s


async def test_a_room_whose_receiver_hangs_holds_up_no_other(make_post: MakePost) -> None:
    post = make_post(timeout_s=0.05)
    forever = asyncio.Event()

    async def hang_for_a(request: httpx.Request) -> httpx.Response:
        if request.headers["webhook-id"].startswith("a"):
            await forever.wait()
        return answered(200)

    post.receiver.answer = hang_for_a
    await post.add("a1", *(f"b{number}" for number in range(9)))
    post.delivery.start()
    await post.receiver.until(lambda: len(post.receiver.events) == 9)
    await post.postponed("a", attempts=1)
    assert post.delivery.statistics.failed == 1


async def test_an_answer_that_never_ends_is_cut_off(make_post: MakePost) -> None:
    post = make_post(timeout_s=0.05)

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"."
            await asyncio.sleep(0.001)

    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(500, content=drip())

    post.receiver.answer = answer
    await post.add("a1")
    post.delivery.start()
    await post.postponed("a", attempts=1)


async def test_whatever_goes_wrong_with_an_attempt_the_next_one_waits(post: Post) -> None:
    async def break_down(_: httpx.Request) -> httpx.Response:
        raise RuntimeError("something nobody thought of")

    post.receiver.answer = break_down
    await post.add("a1")
    post.delivery.start()
    await post.postponed("a", attempts=1)
    assert post.receiver.asked == ["a1"]


async def test_a_redirect_is_a_failure_and_nobody_follows_it(post: Post) -> None:
    post.receiver.answer = post.receiver.say(307, location="http://169.254.169.254/")
    await post.add("a1")
    post.delivery.start()
    await post.postponed("a", attempts=1)
    assert post.receiver.asked == ["a1"]


async def test_a_receiver_that_cant_be_reached_is_tried_again(post: Post) -> None:
    async def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    post.receiver.answer = fail
    await post.add("a1")
    post.delivery.start()
    await post.postponed("a", attempts=1)
    post.receiver.answer = post.receiver.say(200)
    post.later(1)
    await post.receiver.until(lambda: post.receiver.events == ["a1"])


async def test_a_new_delivery_goes_on_where_the_last_was_killed(post: Post) -> None:
    stuck = asyncio.Event()

    async def hang(_: httpx.Request) -> httpx.Response:
        await stuck.wait()
        return answered(200)

    post.receiver.answer = hang
    await post.add("a1", "a2", "b1")
    post.delivery.start()
    await post.receiver.until(lambda: len(post.receiver.asked) == 2)
    await post.delivery.close()
    post.receiver.answer = post.receiver.say(200)
    post.begin().start()
    await post.receiver.until(lambda: sorted(post.receiver.events) == ["a1", "a2", "b1"])
    assert [one for one in post.receiver.events if one[0] == "a"] == ["a1", "a2"]


async def test_a_pause_outlives_the_server_but_not_a_clock_that_was_set_back(post: Post) -> None:
    post.receiver.answer = post.receiver.say(500)
    await post.add("a1")
    post.delivery.start()
    await post.postponed("a", attempts=1)
    await post.delivery.close()
    post.receiver.answer = post.receiver.say(200)
    post.begin().start()
    await post.add("b1")
    await post.receiver.until(lambda: post.receiver.events == ["b1"])
    post.clock.set_wall(post.clock.wall_ns() - 3600 * 10**9)
    post.delivery.wake()
    await post.receiver.until(lambda: post.receiver.events == ["b1", "a1"])


async def test_a_store_that_fails_costs_no_event(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.webhooks.delivery.STORE_PAUSE_S", 0.005)

    async def take_and_lose_the_store(request: httpx.Request) -> httpx.Response:
        post.store.down = True
        return answered(200)

    post.receiver.answer = take_and_lose_the_store
    await post.add("a1", "a2")
    post.delivery.start()
    await post.receiver.until(lambda: post.receiver.events == ["a1"])
    await asyncio.wait_for(post.store.failed.wait(), BOUND_S)
    post.receiver.answer = post.receiver.say(200)
    post.store.down = False
    await post.receiver.until(lambda: post.receiver.events == ["a1", "a1", "a2"])


async def test_what_is_too_old_or_too_many_is_dropped_and_counted(make_post: MakePost) -> None:
    post = make_post(max_events=3, max_age_s=60)
    post.receiver.answer = post.receiver.say(500)
    await post.add("a1", "b1")
    post.clock.advance(ms=61_000)
    await post.add("a2", "a3", "a4", "b2")
    post.delivery.start()
    await post.postponed("a", attempts=1)
    assert [entry.event for entry in await post.waiting("a")] == ["a3", "a4"]
    assert [entry.event for entry in await post.waiting("b")] == ["b2"]
    assert post.delivery.statistics.dropped == 3


async def test_what_waits_for_an_endpoint_that_was_removed_goes(post: Post) -> None:
    hook = WebhookSettings.model_validate({"url": "http://127.0.0.1:9/", "secret": SECRET, "name": "kept"})
    await post.add("a1", endpoint="gone")
    await post.add("a2", "b2", endpoint="kept")
    webhooks = Webhooks(Settings(webhooks=(hook,), recordings_dir=Path("unused")), post.store, post.clock)
    await webhooks.start()
    try:
        async with post.store.read() as unit:
            assert await unit.outbox.pending("gone") == 0
        lines = (await webhooks.metrics()).splitlines()
        assert 'mcu_webhooks_pending{endpoint="kept"} 2.0' in lines
        assert 'mcu_webhooks_delivered_total{endpoint="kept"} 0.0' in lines
        post.store.down = True
        assert "mcu_webhooks_dropped_total" in await webhooks.metrics()
    finally:
        await webhooks.close()

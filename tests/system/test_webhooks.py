"""A real server's webhooks and rooms, through kill -9 of it and every mood of their receiver."""

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.eventually import eventually
from tests.kit.postgres import running_postgres
from tests.kit.receiver import WebhookReceiver, running_receiver
from tests.kit.server import Server, running_server

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0cywgbG9uZw=="
EVENTS = ["room_opened", "room_closed", "layout_changed"]
BOUND_S = 40.0
UPGRADE = (
    b"GET /api/v1/ws HTTP/1.1\r\nHost: mcu\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
QUICK = {
    "MCU_VIEW__WIDTH": "160",
    "MCU_VIEW__HEIGHT": "90",
    "MCU_VIEW__FPS": "5",
    "MCU_OUTBOX__TIMEOUT_S": "0.3",
    "MCU_OUTBOX__MAX_BACKOFF_S": "0.4",
}


def hooked(url: str, *events: str) -> dict[str, str]:
    hook = {"url": url, "secret": SECRET, "name": "test"}
    return QUICK | {"MCU_WEBHOOKS": json.dumps([hook | {"events": list(events)} if events else hook])}


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with running_receiver(SECRET) as receiver:
        yield receiver


class Rooms:
    """Two rooms whose layouts change, and what has to be told of them."""

    def __init__(self) -> None:
        self.expected: dict[str, list[str]] = {"a": [], "회의": []}
        self._gap = 0

    def open(self, server: Server) -> None:
        for room, told in self.expected.items():
            definition = {"name": room, "empty_ttl_s": 3600}
            answer = httpx.post(f"{server.url}/api/v1/rooms", json=definition, timeout=BOUND_S)
            assert answer.status_code == 201, answer.text
            told.append("room_opened")

    def change(self, server: Server, times: int) -> None:
        for _ in range(times):
            self._gap = self._gap % 60 + 1
            for room, told in self.expected.items():
                url = f"{server.url}/api/v1/rooms/{room}/views/main/layout"
                answer = httpx.patch(url, json={"gap": self._gap}, timeout=BOUND_S)
                assert answer.status_code == 200, answer.text
                told.append(answer.headers["etag"].strip('"'))

    def lost(self) -> None:
        for told in self.expected.values():
            told += ["lost", "room_opened"]

    @property
    def total(self) -> int:
        return sum(map(len, self.expected.values()))

    def check(self, taken: list[dict[str, Any]]) -> None:
        """Each event once or more, and each room's in order: what comes again comes at once."""
        for room, told in self.expected.items():
            events = [event for event in taken if event["room"] == room]
            first = {event["id"]: event for event in events}
            assert [_word(event) for event in first.values()] == told
            again = [event["id"] for before, event in itertools.pairwise(events) if event == before]
            assert len(events) == len(first) + len(again)


def _word(event: dict[str, Any]) -> str:
    """What tells one event of a room from another: an etag, why it closed, or that it opened."""
    data = event["data"]
    return str(data.get("etag") or data.get("reason") or event["type"])


def distinct(receiver: WebhookReceiver) -> int:
    return len({event["id"] for event in receiver.taken})


@pytest.mark.timeout(180)
def test_every_event_arrives_in_order_whatever_dies(
    tmp_path: Path, receiver: WebhookReceiver, workers: tuple[str, ...]
) -> None:
    settings, rooms = hooked(receiver.url, *EVENTS), Rooms()
    receiver.be("failing")
    with running_server(tmp_path, settings, *workers) as server:
        rooms.open(server)
        rooms.change(server, 5)
        receiver.wait(BOUND_S, asked=3)
        server.kill()
    assert receiver.taken == []
    rooms.lost()
    receiver.be("hanging")
    with running_server(tmp_path, settings, *workers) as server:
        rooms.change(server, 3)
        receiver.wait(BOUND_S, asked=receiver.asked + 2)
        receiver.be("deaf")
        receiver.wait(BOUND_S, taken=2)
        receiver.be("well")
        receiver.wait(BOUND_S, taken=8)
        receiver.stop()
        rooms.change(server, 3)
        server.kill()
    rooms.lost()
    with running_server(tmp_path, settings, *workers) as server:
        receiver.start()
        rooms.change(server, 2)
        eventually(lambda: distinct(receiver) >= rooms.total, BOUND_S)
        rooms.check(receiver.taken)
        assert receiver.forged == 0
        measured = server.metrics()
        assert measured['mcu_webhooks_delivered_total{endpoint="test"}'] >= 4
        assert measured['mcu_webhooks_dropped_total{endpoint="test"}'] == 0
        eventually(lambda: server.metrics()['mcu_webhooks_pending{endpoint="test"}'] == 0, BOUND_S)
        assert measured["mcu_store_up"] == 1
        layout = httpx.get(f"{server.url}/api/v1/rooms/a/views/main/layout")
        assert layout.headers["etag"].strip('"') == rooms.expected["a"][-1]
        history = httpx.get(f"{server.url}/api/v1/rooms/a/views/main/layout/history").json()["versions"]
        assert len(history) == 14
        assert server.interrupt() == 0
    eventually(lambda: (tmp_path / "recordings" / "mcu.db").is_file())


@pytest.mark.timeout(120)
def test_the_sample_receiver_prints_what_happens(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "samples.webhook_receiver", "--port", "0", "--secret", SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sample:
        assert sample.stdout is not None
        try:
            url = sample.stdout.readline().split()[-1]
            assert httpx.post(url, content=b"{}").status_code == 401
            assert httpx.post(url, content=b"{}", headers={"webhook-timestamp": "1", "webhook-id": "x"}).is_error
            with running_server(tmp_path, hooked(url), "--workers", "0") as server:
                httpx.post(f"{server.url}/api/v1/rooms", json={"name": "tea"}).raise_for_status()
                httpx.delete(f"{server.url}/api/v1/rooms/tea").raise_for_status()
                lines = [sample.stdout.readline() for _ in range(2)]
        finally:
            sample.terminate()
    assert re.match(r"\S+ tea room_opened \{", lines[0])
    assert re.match(r'\S+ tea room_closed \{"reason": "deleted"\}', lines[1])


@pytest.mark.long
@pytest.mark.timeout(120)
def test_without_a_store_a_restart_forgets(tmp_path: Path) -> None:
    for _ in range(2):
        with running_server(tmp_path, QUICK, "--no-store", "--workers", "0") as server:
            answer = httpx.post(f"{server.url}/api/v1/rooms", json={"name": "tea", "empty_ttl_s": 3600})
            assert answer.status_code == 201
            server.kill()
    assert not list(tmp_path.rglob("*.db*"))


@pytest.mark.timeout(120)
def test_two_servers_with_one_store_are_one_too_many(tmp_path: Path) -> None:
    with running_server(tmp_path, QUICK, "--workers", "0"):
        second = Server(tmp_path, QUICK, "--workers", "0")
        try:
            assert second.process.wait(BOUND_S) != 0
            assert "another server uses the store" in second.log
        finally:
            second.close()


def open_and_change(server: Server, room: str, times: int) -> list[str]:
    """What is to be told of it."""
    definition = {"name": room, "empty_ttl_s": 3600}
    httpx.post(f"{server.url}/api/v1/rooms", json=definition, timeout=BOUND_S).raise_for_status()
    told = ["room_opened"]
    for gap in range(1, times + 1):
        url = f"{server.url}/api/v1/rooms/{room}/views/main/layout"
        told.append(httpx.patch(url, json={"gap": gap}, timeout=BOUND_S).headers["etag"].strip('"'))
    return told


def told_of(receiver: WebhookReceiver, room: str) -> list[str]:
    """Without what came again."""
    first = {event["id"]: event for event in receiver.taken if event["room"] == room}
    return [_word(event) for event in first.values()]


@pytest.mark.long
@pytest.mark.timeout(180)
def test_two_servers_of_one_database_tell_each_of_its_own_rooms(tmp_path: Path, receiver: WebhookReceiver) -> None:
    folders = {name: tmp_path / name for name in ("one", "two")}
    for folder in folders.values():
        folder.mkdir()
    with running_postgres() as postgres, contextlib.ExitStack() as stack:

        def start(name: str) -> Server:
            shared = {"MCU_STORE__URL": postgres.url, "MCU_STORE__SERVER": name}
            settings = hooked(receiver.url, *EVENTS) | shared
            return stack.enter_context(running_server(folders[name], settings, "--workers", "0"))

        receiver.be("failing")
        one, two = start("one"), start("two")
        expected = {"tea": open_and_change(one, "tea", 4), "milk": open_and_change(two, "milk", 4)}
        receiver.wait(BOUND_S, asked=4)
        again = Server(folders["two"], hooked(receiver.url) | {"MCU_STORE__URL": postgres.url}, "--workers", "0")
        again.close()  # a third one, of the default name, disturbs nobody
        for server in (one, two):
            server.kill()
        receiver.be("well")
        one = start("one")
        expected["tea"] += ["lost", "room_opened"]
        eventually(lambda: told_of(receiver, "tea") == expected["tea"], BOUND_S)
        assert told_of(receiver, "milk") == [], "the other server's rooms are none of its business"
        rooms = httpx.get(f"{one.url}/api/v1/rooms").json()["rooms"]
        assert [room["name"] for room in rooms] == ["tea"]
        start("two")
        expected["milk"] += ["lost", "room_opened"]
        eventually(lambda: told_of(receiver, "milk") == expected["milk"], BOUND_S)
        assert told_of(receiver, "tea") == expected["tea"]
        assert receiver.forged == 0


def change(server: Server, gap: int) -> None:
    answer = httpx.patch(f"{server.url}/api/v1/rooms/tea/views/main/layout", json={"gap": gap}, timeout=BOUND_S)
    assert answer.status_code == 200, answer.text


def past(server: Server) -> list[int]:
    """The gaps of the room's layouts, the newest first; nothing while the room isn't there."""
    answer = httpx.get(f"{server.url}/api/v1/rooms/tea/views/main/layout/history", timeout=BOUND_S)
    return [one["layout"]["gap"] for one in answer.json()["versions"]] if answer.status_code == 200 else []


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_room_outlives_its_workers_and_a_signal_to_everybody(tmp_path: Path) -> None:
    with running_server(tmp_path, QUICK, "--workers", "2") as server:
        room = {"name": "tea", "empty_ttl_s": 3600}
        assert httpx.post(f"{server.url}/api/v1/rooms", json=room).status_code == 201
        for gap in (1, 2):
            change(server, gap)
        _, *workers = server.pids
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: past(server) == [2, 1, 8], BOUND_S)
        change(server, 3)
        # A client that doesn't answer keeps the gateway for a second; the workers are sooner done.
        with socket.create_connection(("127.0.0.1", server.port), BOUND_S) as silent:
            silent.sendall(UPGRADE)
            assert silent.recv(100).startswith(b"HTTP/1.1 101")
            for pid in server.pids:
                os.kill(pid, signal.SIGTERM)
            assert server.process.wait(BOUND_S) == 0
    with running_server(tmp_path, QUICK, "--workers", "2") as server:
        assert past(server) == [3, 2, 1, 8]
        assert httpx.delete(f"{server.url}/api/v1/rooms/tea/views/main/layout").json()["gap"] == 2

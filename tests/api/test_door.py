"""Who may come in: locks, passwords, lobbies and bans, and those who are there without being seen."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection

from api.errors import problem_response
from api.source import source_of
from mcu.bans import MemoryBans
from mcu.errors import Locked
from tests.api.conftest import meet
from tests.api.people import ADMIN_KEY, KEY, ROOM, Meeting, pass_for, quiet
from tests.api.socket import BOUND_S, SocketClient
from tests.conftest import StartEngine

MODERATOR: dict[str, Any] = {"role": "moderator"}


async def turned_away(meeting: Meeting, identity: str, **data: Any) -> dict[str, Any]:
    """Why a newcomer isn't let in."""
    socket = await meeting.socket()
    token = data.pop("token", None) or pass_for(identity)
    return await socket.refused("join", room="team", token=token, **data)


async def wait_in_lobby(meeting: Meeting, identity: str) -> SocketClient:
    socket = await meeting.socket()
    waiting = (await socket.ask("join", room="team", token=pass_for(identity)))["waiting"]
    assert (waiting["id"], waiting["name"]) == (identity, identity.title())
    return socket


async def roster(meeting: Meeting) -> list[str]:
    listed = (await meeting.admin.get(f"{ROOM}/participants")).json()["participants"]
    return [person["id"] for person in listed]


async def test_a_locked_room_takes_nobody_new(meeting: Meeting) -> None:
    mod = await meeting.enter("mod", **MODERATOR)
    ada = await meeting.socket()
    resume = (await ada.ask("join", room="team", token=pass_for("ada")))["resume_token"]
    assert (await mod.ask("lock"))["room"]["locked"] is True
    assert (await ada.event("room_updated"))["room"]["locked"] is True
    assert (await turned_away(meeting, "bob"))["code"] == "room_locked"
    await ada.connection.close()
    assert (await (await meeting.socket()).ask("join", room="team", token=pass_for("ada"), resume=resume))["resumed"]
    await meeting.enter("ada")
    await meeting.enter("boss", **MODERATOR)  # who moderates passes
    await mod.ask("lock", locked=False)
    await meeting.enter("bob")
    assert (await roster(meeting)) == ["mod", "ada", "boss", "bob"]


def test_the_status_of_a_locked_room_is_423() -> None:
    assert problem_response(Locked("x")).status_code == 423


async def test_a_password_keeps_out_who_does_not_know_it(
    capfd: pytest.CaptureFixture[str], real_engine: StartEngine, recordings_dir: Path, stack: AsyncExitStack
) -> None:
    # Begun here and not by a fixture: pytest captures each phase of a test into a file of its own, and a worker writes
    # on into the one that it was started with.
    meeting = await meet(real_engine, recordings_dir, stack, keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))
    changed = await meeting.set_room(password="나의 secret")
    assert (changed.json()["password"], "secret" in changed.text, "argon2" in changed.text) == (True, False, False)
    missing = await turned_away(meeting, "ada")
    assert (missing["code"], missing["field"]) == ("password_required", "password")
    assert (await turned_away(meeting, "ada", password="나의 Secret"))["code"] == "wrong_password"
    ada = await meeting.socket()
    await ada.ask("join", room="team", token=pass_for("ada"), password="나의 secret")
    await meeting.enter("mod", **MODERATOR)
    assert (await meeting.set_room(password=None)).json()["password"] is False
    await meeting.enter("bob")
    logged = "".join(capfd.readouterr())
    assert "wrong_password" in logged
    assert not any(word in logged.lower() for word in ("나의", "argon2"))


async def test_guessing_a_password_is_slow(meeting: Meeting) -> None:
    await meeting.set_room(password="right")
    ada = await meeting.socket()
    mine = pass_for("ada")
    codes = [(await ada.refused("join", room="team", token=mine, password=f"wrong {n}"))["code"] for n in range(25)]
    assert codes[:20] == ["wrong_password"] * 20
    assert codes[-1] == "too_many_requests"
    assert (await ada.refused("join", room="team", token=mine, password="right"))["code"] == "too_many_requests"


async def test_who_guesses_keeps_nobody_out_who_is_elsewhere(meeting: Meeting) -> None:
    await meeting.set_room(password="right")
    mallory, mine = await meeting.socket(), pass_for("mallory")
    for number in range(25):
        code = (await mallory.refused("join", room="team", token=mine, password=f"wrong {number}"))["code"]
    assert code == "too_many_requests"
    async with SocketClient(meeting.server, local_addr=("127.0.0.2", 0)) as ada:
        await ada.ask("join", room="team", token=pass_for("ada"), password="right")


@pytest.mark.parametrize(
    ("client", "source"),
    [
        (("192.0.2.7", 5000), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 5000), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.7", 5000), "192.0.2.7"),
        (("testclient", 5000), None),
        (None, None),
    ],
)
def test_where_somebody_comes_from(client: tuple[str, int] | None, source: str | None) -> None:
    assert source_of(HTTPConnection({"type": "websocket", "client": client})) == source


async def test_no_moderator_removes_an_admin_or_takes_that_from_them(meeting: Meeting) -> None:
    await meeting.set_room()
    chief = await meeting.enter("chief", role="admin")
    mod = await meeting.enter("mod", **MODERATOR)
    assert (await mod.refused("kick", participant="chief"))["code"] == "forbidden"
    assert (await mod.refused("role", participant="chief", role="participant"))["code"] == "forbidden"
    caller = await meeting.caller(pass_for("mod", **MODERATOR))
    assert (await caller.delete(f"{ROOM}/participants/chief?ban_s=60")).status_code == 403
    assert (await meeting.admin.get(f"{ROOM}/bans")).json() == {"bans": []}
    assert (await meeting.admin.delete(f"{ROOM}/participants/chief")).status_code == 204
    assert (await chief.event("kicked"))["reason"] == "removed by a moderator"


async def test_who_administers_the_room_is_its_admin_whatever_role_the_token_has(meeting: Meeting) -> None:
    await meeting.set_room()
    chief = await meeting.socket()
    joined = await chief.ask("join", room="team", token=pass_for("chief", admin=True))
    assert joined["participant"]["role"] == "admin"
    mod = await meeting.enter("mod", **MODERATOR)
    for kind, data in (("kick", {}), ("role", {"role": "participant"})):
        assert (await mod.refused(kind, participant="chief", **data))["code"] == "forbidden"
    assert (await chief.request("lock", locked=False))["ok"]


async def test_a_moderator_does_not_find_out_who_is_hidden(meeting: Meeting) -> None:
    await meeting.set_room()
    unseen = await meeting.enter("unseen", hidden=True)
    mod = await meeting.enter("mod", **MODERATOR)
    refusals = [await mod.refused("kick", participant=who, ban_s=60) for who in ("unseen", "nobody")]
    assert refusals[0]["code"] == refusals[1]["code"] == "no_such_participant"
    assert refusals[0]["message"] == refusals[1]["message"]
    assert (await unseen.request("ping"))["ok"]
    assert (await meeting.admin.delete(f"{ROOM}/participants/unseen")).status_code == 204
    assert await unseen.closed() == 4001


async def test_a_room_is_opened_with_its_door_as_asked(meeting: Meeting) -> None:
    settings = {"locked": True, "password": "x", "owner": "ada", "on_owner_left": "close"}
    opened = await meeting.admin.post("/api/v1/rooms", json={"name": "team", **settings})
    assert (opened.json()["locked"], opened.json()["password"], opened.json()["owner"]) == (True, True, "ada")
    assert (await turned_away(meeting, "bob"))["code"] == "room_locked"
    bad = {"name": "other", "permanent": True, "on_owner_left": "close"}
    refused = await meeting.admin.post("/api/v1/rooms", json=bad)
    assert (refused.status_code, refused.json()["field"]) == (422, "on_owner_left")


async def test_who_waits_hears_nothing_and_is_let_in_by_a_moderator(meeting: Meeting) -> None:
    await meeting.set_room(lobby=True)
    mod = await meeting.enter("mod", **MODERATOR)
    ada, bob = await wait_in_lobby(meeting, "ada"), await wait_in_lobby(meeting, "bob")
    assert [one["id"] for one in (await mod.event("lobby"))["waiting"]] == ["ada"]
    assert [one["id"] for one in (await mod.event("lobby"))["waiting"]] == ["ada", "bob"]
    await mod.ask("chat", text="they don't hear us")
    for kind, data in (("chat", {"text": "x"}), ("offer", {"sdp": "v=0"}), ("join", {"room": "team"})):
        assert (await ada.refused(kind, **data))["code"] == "wrong_state", kind
    assert await roster(meeting) == ["mod"]
    assert (await mod.ask("admit", participant="ada"))["waiting"][0]["id"] == "bob"
    joined = await ada.event("joined")
    assert joined["participant"]["id"] == "ada"
    assert joined["resume_token"]
    assert [message["text"] for message in (await ada.event("chat_history"))["messages"]] == ["they don't hear us"]
    assert (await ada.ask("chat", text="thanks"))["delivered"] == 1
    while (news := await mod.event("participant_joined"))["participant"]["id"] != "ada":
        pass
    assert news["participant"]["name"] == "Ada"
    await quiet(bob, "participant_joined", "chat", "lobby", "room_updated", "tiles")
    late = await meeting.enter("boss", **MODERATOR)
    assert [one["id"] for one in (await late.event("lobby"))["waiting"]] == ["bob"]


async def test_a_moderator_turns_somebody_away(meeting: Meeting) -> None:
    await meeting.set_room(lobby=True)
    mod, ada = await meeting.enter("mod", **MODERATOR), await wait_in_lobby(meeting, "ada")
    await mod.ask("admit", participant="ada", admit=False, reason="members only")
    denied = await ada.event("denied")
    assert (denied["code"], denied["message"]) == ("denied", "members only")
    assert await ada.closed() == 4003
    assert (await mod.refused("admit", participant="ada"))["code"] == "no_such_participant"
    again = await wait_in_lobby(meeting, "ada")  # knocking is free
    decided = await meeting.admin.post(f"{ROOM}/lobby/ada", json={"admit": True})
    assert decided.json() == {"waiting": []}
    assert (await again.event("joined"))["participant"]["id"] == "ada"


async def test_who_stops_waiting_is_off_the_list_and_a_second_knock_replaces_the_first(meeting: Meeting) -> None:
    await meeting.set_room(lobby=True)
    mod = await meeting.enter("mod", **MODERATOR)
    ada, again = await wait_in_lobby(meeting, "ada"), await wait_in_lobby(meeting, "ada")
    assert (await ada.event("denied"))["message"] == "replaced"
    assert await ada.closed() == 4003
    assert len((await meeting.admin.get(f"{ROOM}/lobby")).json()["waiting"]) == 1
    await again.connection.close()
    while (await mod.event("lobby"))["waiting"]:
        pass
    bob = await wait_in_lobby(meeting, "bob")
    await bob.ask("leave")
    assert await bob.closed() == 1000
    assert (await meeting.admin.get(f"{ROOM}/lobby")).json() == {"waiting": []}


async def test_closing_down_the_lobby_lets_everybody_in_and_closing_the_room_nobody(meeting: Meeting) -> None:
    await meeting.set_room(lobby=True)
    ada, bob = await wait_in_lobby(meeting, "ada"), await wait_in_lobby(meeting, "bob")
    await meeting.set_room(lobby=False)
    assert {(await one.event("joined"))["participant"]["id"] for one in (ada, bob)} == {"ada", "bob"}
    await meeting.set_room(lobby=True)
    cleo = await wait_in_lobby(meeting, "cleo")
    await meeting.admin.delete(ROOM)
    assert (await cleo.event("denied"))["code"] == "no_such_room"
    assert await cleo.closed() == 4003


async def test_a_full_room_admits_nobody_more(meeting: Meeting) -> None:
    await meeting.set_room(lobby=True, capacity=1)
    ada = await wait_in_lobby(meeting, "ada")
    bob = await wait_in_lobby(meeting, "bob")
    await meeting.admin.post(f"{ROOM}/lobby/ada", json={"admit": True})
    await ada.event("joined")
    await meeting.admin.post(f"{ROOM}/lobby/bob", json={"admit": True})
    assert (await bob.event("denied"))["code"] == "room_full"
    assert (await turned_away(meeting, "cleo"))["code"] == "room_full"


async def test_on_an_open_server_the_first_comes_in_and_lets_the_others_in(open_meeting: Meeting) -> None:
    """Everybody is a moderator there: a lobby must hold them back all the same, but not keep the first out for ever."""
    await open_meeting.admin.post("/api/v1/rooms", json={"name": "team", "lobby": True})
    ada, bob = await open_meeting.socket(), await open_meeting.socket()
    assert (await ada.ask("join", room="team", name="Ada"))["participant"]["name"] == "Ada"
    waiting = (await bob.ask("join", room="team", name="Bob"))["waiting"]
    await ada.ask("admit", participant=waiting["id"])
    assert (await bob.event("joined"))["participant"]["id"] == waiting["id"]
    await ada.ask("lock")
    cleo = await open_meeting.socket()
    assert (await cleo.refused("join", room="team", name="Cleo"))["code"] == "room_locked"


async def test_a_kick_with_a_ban_lasts_until_it_ends(meeting: Meeting) -> None:
    mod, ada = await meeting.enter("mod", **MODERATOR), await meeting.socket()
    mine = pass_for("ada")
    resume = (await ada.ask("join", room="team", token=mine))["resume_token"]
    await mod.ask("kick", participant="ada", reason="enough", ban_s=600)
    assert (await ada.event("kicked"))["reason"] == "enough"
    assert await ada.closed() == 4001
    assert (await turned_away(meeting, "ada"))["code"] == "banned"
    assert (await turned_away(meeting, "ada", resume=resume))["code"] == "banned"
    (ban,) = (await meeting.admin.get(f"{ROOM}/bans")).json()["bans"]
    assert (ban["identity"], ban["reason"]) == ("ada", "enough")
    await meeting.enter("bob")
    await meeting.admin.delete(ROOM)  # a ban outlives its room
    assert (await turned_away(meeting, "ada"))["code"] == "banned"
    await meeting.enter("bob")
    assert (await meeting.admin.delete(f"{ROOM}/bans/ada")).status_code == 204
    assert (await meeting.admin.delete(f"{ROOM}/bans/ada")).json()["code"] == "no_such_ban"
    await meeting.enter("ada")
    kicked = await meeting.admin.delete(f"{ROOM}/participants/ada", params={"ban_s": 1, "reason": "again"})
    assert kicked.status_code == 204
    assert (await turned_away(meeting, "ada"))["code"] == "banned"
    async with asyncio.timeout(BOUND_S):
        while (await meeting.admin.get(f"{ROOM}/bans")).json()["bans"]:  # noqa: ASYNC110 - the wall clock ends it
            await asyncio.sleep(0.05)
    await meeting.enter("ada")


async def test_a_ban_needs_an_identity(meeting: Meeting) -> None:
    mod, guest = await meeting.enter("mod", **MODERATOR), await meeting.socket()
    who = (await guest.ask("join", room="team", token=pass_for(None)))["participant"]["id"]
    error = await mod.refused("kick", participant=who, ban_s=5)
    assert (error["code"], error["field"]) == ("invalid", "ban_s")
    assert who in await roster(meeting)
    await mod.ask("kick", participant=who)


async def test_bans_in_memory_end_replace_and_stay_apart() -> None:
    bans, now = MemoryBans(), datetime.now(UTC)
    await bans.ban("team", "ada", now + timedelta(seconds=9), "x")
    await bans.ban("team", "ada", now + timedelta(seconds=5), "y")
    await bans.ban("team", "bob", now + timedelta(seconds=1), "z")
    assert await bans.banned_until("team", "ada", now) == now + timedelta(seconds=5)
    assert await bans.banned_until("team", "ada", now + timedelta(seconds=5)) is None
    assert await bans.banned_until("other", "ada", now) is None
    assert [ban.identity for ban in await bans.list("team", now)] == ["bob", "ada"]
    assert [ban.identity for ban in await bans.list("team", now + timedelta(seconds=2))] == ["ada"]
    assert await bans.lift("team", "ada")
    assert not await bans.lift("team", "ada")


async def test_the_hidden_see_and_are_not_seen(meeting: Meeting) -> None:
    await meeting.set_room(capacity=1, lobby=True, locked=True)
    eye = await meeting.socket()
    joined = await eye.ask("join", room="team", token=pass_for("eye", hidden=True))
    assert joined["participant"]["hidden"] is True
    assert [person["id"] for person in joined["participants"]] == ["eye"]
    ada = await meeting.enter("ada", **MODERATOR)  # the room of one is not full
    assert (await eye.event("participant_joined"))["participant"]["id"] == "ada"
    await meeting.enter("eye2", hidden=True)  # nor is it for one more of them
    assert await roster(meeting) == ["ada"]
    assert (await meeting.admin.get(ROOM)).json()["participants"] == 1
    await ada.ask("chat", text="alone at last")
    assert (await eye.event("chat"))["message"]["text"] == "alone at last"
    assert (await ada.refused("chat", text="who?", to=["eye"]))["code"] == "no_such_participant"
    assert (await ada.refused("pin", participant="eye"))["field"] == "pinned"
    words: list[tuple[str, dict[str, Any]]] = [("chat", {"text": "boo"}), ("app", {"topic": "x"}), ("ready", {})]
    for kind, data in (*words, ("reaction", {"reaction": "x"})):
        assert (await eye.refused(kind, **data))["code"] == "forbidden", kind
    await eye.ask("hand", raised=True)
    assert (await eye.event("participant_updated"))["participant"]["hand"] is True
    await eye.ask("leave")
    assert await eye.closed() == 1000
    assert (await ada.ask("ready"))["waiting"] == []
    await quiet(ada, "participant_joined", "participant_updated", "participant_left")


async def test_roles_change_what_somebody_may_do_at_once(meeting: Meeting) -> None:
    mod, ada = await meeting.enter("mod", **MODERATOR), await meeting.enter("ada")
    await meeting.set_room(lobby=True)
    await wait_in_lobby(meeting, "bob")
    assert (await ada.refused("admit", participant=None))["code"] == "forbidden"
    await quiet(ada, "lobby")
    await mod.ask("role", participant="ada", role="moderator")
    assert [one["id"] for one in (await ada.event("lobby"))["waiting"]] == ["bob"]
    assert (await ada.ask("admit", participant=None))["waiting"] == []
    await ada.ask("role", participant="mod", role="participant")
    while (await mod.event("participant_updated"))["participant"]["role"] != "participant":
        pass
    assert (await mod.refused("kick", participant="ada"))["code"] == "forbidden"
    assert (await ada.refused("role", participant="ada", role="admin"))["code"] == "forbidden"
    made = await meeting.admin.patch(f"{ROOM}/participants/mod", json={"role": "admin"})
    assert made.json()["role"] == "admin"
    assert (await ada.refused("role", participant="mod", role="participant"))["code"] == "forbidden"


async def test_an_owner_who_leaves_ends_the_room_where_that_is_wanted(meeting: Meeting) -> None:
    await meeting.set_room(owner="ada", on_owner_left="close")
    ada, bob = await meeting.enter("ada"), await meeting.enter("bob")
    second = await meeting.enter("ada")  # replacing oneself is not leaving
    await ada.event("kicked")
    await meeting.enter("cleo")
    await second.ask("leave")
    await bob.event("room_closed")
    assert await bob.closed() == 4002


async def test_an_owner_who_leaves_hands_over(meeting: Meeting) -> None:
    await meeting.set_room(on_owner_left="hand_over")
    ada = await meeting.enter("ada", **MODERATOR)
    assert (await meeting.admin.get(ROOM)).json()["owner"] == "ada"
    bob, cleo = await meeting.enter("bob"), await meeting.enter("cleo")
    await ada.ask("leave")
    while (told := await cleo.event("participant_updated"))["participant"]["role"] != "moderator":
        pass
    assert told["participant"]["id"] == "bob"
    while (room := await cleo.event("room_updated"))["room"]["owner"] != "bob":
        pass
    assert room["room"]["on_owner_left"] == "hand_over"
    assert (await bob.ask("lock"))["room"]["locked"]
    dan = await meeting.enter("dan", **MODERATOR)
    await bob.ask("leave")
    while (room := await cleo.event("room_updated"))["room"]["owner"] != "dan":  # a moderator before a participant
        pass
    await quiet(dan, "room_closed")


async def test_a_room_outlives_its_owner_by_default(meeting: Meeting) -> None:
    ada, bob = await meeting.enter("ada", **MODERATOR), await meeting.enter("bob")
    await ada.ask("leave")
    while (await bob.event("participant_left"))["id"] != "ada":
        pass
    assert (await bob.ask("chat", text="still here"))["delivered"] == 0
    assert (await meeting.admin.get(f"{ROOM}/participants/bob")).json()["role"] == "participant"


async def test_metadata_merges_and_is_told(meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    await meeting.set_room(metadata={"topic": "tea", "room": "3"})
    while (told := await ada.event("room_updated"))["room"]["metadata"] != {"topic": "tea", "room": "3"}:
        pass
    assert told["room"]["name"] == "team"
    assert (await meeting.set_room(metadata={"room": None})).json()["metadata"] == {"topic": "tea"}
    many = await meeting.admin.patch(ROOM, json={"metadata": {f"k{n}": "" for n in range(40)}})
    assert (many.status_code, many.json()["field"]) == (422, "metadata")
    moderator = await meeting.caller(pass_for("mod", role="moderator"))
    assert (await moderator.patch(ROOM, json={"metadata": {"by": "mod"}})).status_code == 200
    assert (await moderator.patch(ROOM, json={"capacity": 2})).status_code == 403
    assert (await (await meeting.caller(pass_for("x"))).patch(ROOM, json={"locked": True})).status_code == 403


async def test_who_is_kept_out_cannot_look_in_by_other_ways(meeting: Meeting) -> None:
    mod = await meeting.enter("mod", **MODERATOR)
    guest, other = await meeting.caller(pass_for("ada")), await meeting.caller(pass_for(None))
    recorder = await meeting.caller(pass_for(None, record=True))
    looks = (f"{ROOM}/messages", f"{ROOM}/participants", f"{ROOM}/views/main/snapshot.jpg", ROOM)

    async def sees(caller: httpx.AsyncClient) -> set[int]:
        return {(await caller.get(path)).status_code for path in looks}

    assert await sees(guest) == {200}
    for door in ({"lobby": True}, {"lobby": False, "password": "x"}, {"password": None, "locked": True}):
        await meeting.set_room(**door)
        assert await sees(guest) == await sees(other) == {403}, door
        assert await sees(recorder) == {200}
    await meeting.set_room(locked=False)
    await meeting.enter("ada")
    await meeting.set_room(locked=True)
    assert await sees(guest) == {200}  # they are inside
    await meeting.set_room(locked=False)
    await mod.ask("kick", participant="ada", ban_s=60)
    refused = await guest.get(ROOM)
    assert (refused.status_code, refused.json()["code"]) == (403, "banned")

"""Over REST: bans, spoken before somebody comes and while they are here; and who is ready."""

import httpx
import pytest

from tests.api.people import ROOM, Meeting, pass_for
from tests.api.problems import problem

MODERATOR = {"role": "moderator"}


async def ban(caller: httpx.AsyncClient, identity: str, **body: object) -> httpx.Response:
    return await caller.put(f"{ROOM}/bans/{identity}", json={"ban_s": 600} | body)


async def test_who_is_banned_goes_and_does_not_come_back(meeting: Meeting) -> None:
    ada, mod = await meeting.enter("ada"), await meeting.caller(pass_for("mod", **MODERATOR))
    answer = await ban(mod, "ada", reason="enough")
    assert answer.status_code == 200
    assert (answer.json()["identity"], answer.json()["reason"]) == ("ada", "enough")
    assert await ada.event("kicked") == {"reason": "enough"}
    refused = await (await meeting.socket()).refused("join", room="team", token=pass_for("ada"))
    assert refused["code"] == "banned"


async def test_a_ban_may_be_spoken_before_they_come_and_replaces_an_earlier_one(meeting: Meeting) -> None:
    await meeting.set_room(lobby=False)
    first, second = (await ban(meeting.admin, "eve")).json(), (await ban(meeting.admin, "eve", ban_s=60)).json()
    assert second["until"] < first["until"]
    assert (await meeting.admin.get(f"{ROOM}/bans")).json() == {"bans": [second]}
    refused = await (await meeting.socket()).refused("join", room="team", token=pass_for("eve"))
    assert refused["code"] == "banned"
    await meeting.admin.delete(f"{ROOM}/bans/eve")
    await meeting.enter("eve")


async def test_moderators_hear_of_bans_and_others_do_not(meeting: Meeting) -> None:
    mod, ada, bob = await meeting.enter("mod", **MODERATOR), await meeting.enter("ada"), await meeting.enter("bob")
    changes = (
        lambda: ban(meeting.admin, "eve"),
        lambda: meeting.admin.delete(f"{ROOM}/bans/eve"),
        lambda: mod.ask("kick", participant="bob", ban_s=60),
    )
    for change in changes:
        await change()
        assert await mod.event("bans") == {}
    assert (await meeting.admin.delete(f"{ROOM}/bans/nobody")).status_code == 404
    assert await bob.event("kicked")
    await ada.ask("ping")
    assert "bans" not in {news["type"] for news in (*ada.pending, *bob.pending)}


async def test_a_moderator_removes_no_admin_nobody_hidden_and_nobody_without_an_identity(meeting: Meeting) -> None:
    mod = await meeting.caller(pass_for("mod", **MODERATOR))
    root, guest = await meeting.enter("root", role="admin", admin=True), await meeting.socket()
    who = (await guest.ask("join", room="team", token=pass_for(None)))["participant"]["id"]
    problem(await ban(mod, "root"), 403, "forbidden")
    problem(await ban(mod, who), 422, "invalid", "participant")
    assert (await mod.get(f"{ROOM}/bans")).json() == {"bans": []}
    eye = await meeting.enter("eye", hidden=True)
    assert (await ban(mod, "eye")).status_code == 200
    for one in (root, guest, eye):
        await one.ask("ping")


@pytest.mark.parametrize("body", [{}, {"ban_s": 0}, {"ban_s": 10**9}, {"ban_s": 5, "until": "tomorrow"}])
async def test_a_ban_that_is_none(meeting: Meeting, body: dict[str, object]) -> None:
    await meeting.set_room(lobby=False)
    answer = await meeting.admin.put(f"{ROOM}/bans/eve", json=body)
    assert answer.status_code == 422


async def test_who_is_ready_and_the_next_round(meeting: Meeting) -> None:
    ada, _ = await meeting.enter("ada"), await meeting.enter("bob")
    await ada.ask("ready", ready=True)
    caller = await meeting.caller(pass_for("bob"))
    assert (await caller.get(f"{ROOM}/ready")).json() == {"ready": ["ada"], "waiting": ["bob"]}
    problem(await caller.delete(f"{ROOM}/ready"), 403, "forbidden")
    assert (await meeting.admin.delete(f"{ROOM}/ready")).json() == {"ready": [], "waiting": ["ada", "bob"]}

"""What people say to each other: who reads it, who comes to read it later, and who can take it back."""

from typing import Any

from tests.api.people import ROOM, Meeting, pass_for, quiet
from tests.api.socket import SocketClient


async def history(socket: SocketClient) -> list[str]:
    return [message["text"] for message in (await socket.event("chat_history"))["messages"]]


async def test_all_read_it_and_late_comers_find_it(meeting: Meeting) -> None:
    ada, bob = await meeting.enter("ada"), await meeting.enter("bob")
    assert await history(ada) == await history(bob) == []
    said = await ada.ask("chat", text="  안녕\u0007 all\nof you ")
    assert said["delivered"] == 1
    read = (await bob.event("chat"))["message"]
    assert (read["id"], read["sender"], read["name"], read["text"]) == (
        said["message_id"], "ada", "Ada", "안녕 all\nof you"
    )  # fmt: skip
    assert (read["to"], read["channel"]) == (None, None)
    await quiet(ada, "chat")  # who speaks does not hear itself
    cleo = await meeting.enter("cleo")
    (kept,) = (await cleo.event("chat_history"))["messages"]
    assert kept == read


async def test_a_private_message_reaches_those_named_and_no_history(meeting: Meeting) -> None:
    ada, bob, cleo = await meeting.enter("ada"), await meeting.enter("bob"), await meeting.enter("cleo")
    dan = await meeting.enter("dan", role="moderator")
    said = await ada.ask("chat", text="psst", to=["bob", "dan", "nobody"])
    assert said["delivered"] == 2
    for reader in (bob, dan):
        read = (await reader.event("chat"))["message"]
        assert (read["text"], read["to"]) == ("psst", ["bob", "dan"])
    eve = await meeting.enter("eve", role="moderator")
    assert await history(eve) == []
    assert (await meeting.admin.get(f"{ROOM}/messages")).json() == {"messages": []}
    error = await dan.refused("chat_edit", message_id=said["message_id"], text="oh")
    assert error["code"] == "no_such_message"  # a moderator has no pen for what is private
    await ada.ask("chat_edit", message_id=said["message_id"], text="Psst!")
    for reader in (bob, dan):
        assert (await reader.event("chat_edited"))["message"]["text"] == "Psst!"
    await ada.ask("chat_delete", message_id=said["message_id"])
    assert await bob.event("chat_deleted") == {"message_id": said["message_id"], "by": "ada"}
    for stranger in (cleo, eve, ada):
        await quiet(stranger, "chat", "chat_edited", "chat_deleted")
    assert (await ada.refused("chat", text="psst", to=["nobody"]))["code"] == "no_such_participant"


async def test_what_was_missed_while_the_socket_was_gone_is_told_once(meeting: Meeting) -> None:
    ada, bob = await meeting.socket(), await meeting.enter("bob")
    mine = pass_for("ada")
    resume = (await ada.ask("join", room="team", token=mine))["resume_token"]
    await bob.ask("chat", text="before")
    await ada.connection.close()
    while (await bob.event("participant_updated"))["participant"]["presence"] != "reconnecting":
        pass
    await bob.ask("chat", text="to all")
    assert (await bob.ask("chat", text="to you", to=["ada"]))["delivered"] == 0
    first = await bob.ask("chat", text="never mind", to=["ada"])
    await bob.ask("chat_delete", message_id=first["message_id"])
    for expected in (["before", "to all", "to you"], ["before", "to all"]):
        again = await meeting.socket()
        joined = await again.ask("join", room="team", token=mine, resume=resume)
        assert joined["resumed"]
        resume = joined["resume_token"]
        assert await history(again) == expected
    assert (await bob.ask("chat", text="there?", to=["ada"]))["delivered"] == 1
    assert (await again.event("chat"))["message"]["text"] == "there?"


async def test_what_went_into_a_dead_socket_is_told_again(meeting: Meeting) -> None:
    """As when a network changes: the server still takes the old socket for good when a new one comes."""
    ada, bob = await meeting.socket(), await meeting.enter("bob")
    mine = pass_for("ada")
    resume = (await ada.ask("join", room="team", token=mine))["resume_token"]
    assert await history(ada) == []
    assert (await bob.ask("chat", text="to you", to=["ada"]))["delivered"] == 1
    oh = (await bob.ask("chat", text="oh", to=["ada"]))["message_id"]
    await bob.ask("chat_edit", message_id=oh, text="ah")
    gone = (await bob.ask("chat", text="never mind", to=["ada"]))["message_id"]
    await bob.ask("chat_delete", message_id=gone)
    for expected in (["to you", "ah"], []):
        again = await meeting.socket()
        resume = (await again.ask("join", room="team", token=mine, resume=resume))["resume_token"]
        assert await history(again) == expected
    await bob.ask("chat", text="for this stay", to=["ada"])
    fresh = await meeting.socket()
    assert not (await fresh.ask("join", room="team", token=mine))["resumed"]
    assert await history(fresh) == [], "who comes anew finds nothing private"


async def test_authors_and_moderators_mend_and_take_back(meeting: Meeting) -> None:
    ada, bob, mod = await meeting.enter("ada"), await meeting.enter("bob"), await meeting.enter("mod", role="moderator")
    one, two = [(await ada.ask("chat", text=text))["message_id"] for text in ("one", "two")]
    for kind, data in (("chat_edit", {"text": "x"}), ("chat_delete", {})):
        assert (await bob.refused(kind, message_id=one, **data))["code"] == "forbidden"
    edited = (await ada.ask("chat_edit", message_id=one, text="one!"))["message"]
    assert edited["edited_at"] is not None
    news = await bob.event("chat_edited")
    assert (news["message"], news["by"]) == (edited, "ada")
    await mod.ask("chat_delete", message_id=two)
    assert await ada.event("chat_deleted") == {"message_id": two, "by": "mod"}
    assert (await ada.refused("chat_edit", message_id=two, text="x"))["code"] == "no_such_message"
    assert await history(await meeting.enter("cleo")) == ["one!"]


async def test_the_history_is_bounded_and_keeps_the_newest(meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    for n in range(103):
        answer = await meeting.admin.post(f"{ROOM}/messages", json={"text": str(n)})
        assert answer.status_code == 201
        assert (await ada.event("chat"))["message"]["text"] == str(n)
    assert await history(await meeting.enter("bob")) == [str(n) for n in range(3, 103)]


async def test_the_server_speaks_and_keeps_order(meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    posted = await meeting.admin.post(f"{ROOM}/messages", json={"text": "Five minutes.", "name": "Clock"})
    assert (posted.status_code, posted.json()["delivered"]) == (201, 1)
    read = (await ada.event("chat"))["message"]
    assert (read["sender"], read["name"], read["text"]) == (None, "Clock", "Five minutes.")
    mine = (await ada.ask("chat", text="hm"))["message_id"]
    changed = await meeting.admin.patch(f"{ROOM}/messages/{mine}", json={"text": "Hm."})
    assert changed.json()["text"] == "Hm."
    assert (await ada.event("chat_edited"))["message"]["text"] == "Hm."
    assert (await meeting.admin.delete(f"{ROOM}/messages/{read['id']}")).status_code == 204
    texts = [one["text"] for one in (await meeting.admin.get(f"{ROOM}/messages")).json()["messages"]]
    assert texts == ["Hm."]
    guest = await meeting.caller(pass_for("ada"))
    assert (await guest.post(f"{ROOM}/messages", json={"text": "I am the server"})).status_code == 403


async def test_the_server_speaks_in_private_and_on_channels_too(meeting: Meeting) -> None:
    ada, bob = await meeting.enter("ada"), await meeting.enter("bob")
    answer = await meeting.admin.post(f"{ROOM}/messages", json={"text": "you are next", "to": ["ada"]})
    assert (answer.status_code, answer.json()["delivered"]) == (201, 1)
    read = (await ada.event("chat"))["message"]
    assert (read["sender"], read["name"], read["to"]) == (None, "Server", ["ada"])
    news = {"text": "on air", "channel": "news", "name": "Bot"}
    assert (await meeting.admin.post(f"{ROOM}/messages", json=news)).status_code == 201
    assert (await bob.event("chat"))["message"]["channel"] == "news"
    await quiet(bob, "chat")
    cleo = await meeting.enter("cleo")
    (kept,) = (await cleo.event("chat_history"))["messages"]
    assert (kept["text"], kept["channel"]) == ("on air", "news")
    nobody = await meeting.admin.post(f"{ROOM}/messages", json={"text": "x", "to": ["nobody"]})
    assert (nobody.status_code, nobody.json()["field"]) == (404, "to")


async def test_a_bot_is_a_participant_who_needs_no_media(meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    bot = await meeting.enter("bot", publish=[], subscribe=False)
    assert (await bot.ask("chat", text="beep"))["delivered"] == 1
    assert (await ada.event("chat"))["message"]["sender"] == "bot"
    await ada.ask("chat", text="/time", to=["bot"])
    assert (await bot.event("chat"))["message"]["text"] == "/time"
    assert await ada.ask("app", topic="bot/ask", payload=1, to=["bot"]) == {"delivered": 1}
    assert (await bot.event("app"))["sender"] == "ada"


async def test_a_channel_is_on_the_message_and_a_group_keeps_to_itself(meeting: Meeting) -> None:
    ada, bob = await meeting.enter("ada"), await meeting.enter("bob")
    await ada.ask("chat", text="how?", channel="questions")
    assert (await bob.event("chat"))["message"]["channel"] == "questions"
    error = await ada.refused("chat", text="us", channel="group")
    assert (error["code"], error["field"]) == ("invalid", "channel")
    cleo = await meeting.enter("cleo")
    for who in ("ada", "cleo"):
        assert (await meeting.admin.patch(f"{ROOM}/participants/{who}", json={"group": "table"})).status_code == 200
    said = await ada.ask("chat", text="us", channel="group")
    assert said["delivered"] == 1
    read = (await cleo.event("chat"))["message"]
    assert (read["text"], read["channel"], read["to"]) == ("us", "group", None)
    await ada.ask("chat_edit", message_id=said["message_id"], text="us two")
    assert (await cleo.event("chat_edited"))["message"]["text"] == "us two"
    await quiet(bob, "chat", "chat_edited")
    assert await history(await meeting.enter("dan")) == ["how?"]


async def test_without_the_grant_one_reads_only(meeting: Meeting) -> None:
    ada, bob = await meeting.enter("ada", chat=False), await meeting.enter("bob")
    for kind, data in (
        ("chat", {"text": "x"}),
        ("app", {"topic": "x"}),
        ("reaction", {"reaction": "x"}),
        ("chat_edit", {"message_id": "x", "text": "x"}),
    ):
        assert (await ada.refused(kind, **data))["code"] == "forbidden", kind
    await bob.ask("chat", text="you there?")
    assert (await ada.event("chat"))["message"]["text"] == "you there?"


TOO_MUCH: list[tuple[str, dict[str, Any], str]] = [
    ("chat", {}, "text"),
    ("chat", {"text": "x" * 2001}, "text"),
    ("chat", {"text": " \u0000 "}, "text"),
    ("chat", {"text": "\u0958" * 1500}, "text"),  # NFC makes two letters of each
    ("chat", {"text": "x", "to": []}, "to"),
    ("chat", {"text": "x", "to": ["a b"]}, "to.0"),
    ("chat", {"text": "x", "channel": "A B"}, "channel"),
    ("app", {"topic": "a b"}, "topic"),
    ("app", {"topic": "a", "payload": "x" * 16_384}, "payload"),
    ("reaction", {"reaction": "x" * 17}, "reaction"),
]


async def test_what_is_too_much_is_refused_by_its_field(meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    for kind, data, field in TOO_MUCH:
        error = await ada.refused(kind, **data)
        assert (error["code"], error["field"]) == ("invalid", field), field


async def test_a_flood_is_slowed_down_and_ends_nobody(meeting: Meeting) -> None:
    ada, bob = await meeting.enter("ada"), await meeting.enter("bob")
    replies = [await ada.request("chat", text=str(n)) for n in range(45)]
    refused = [reply["error"]["code"] for reply in replies if not reply["ok"]]
    assert refused
    assert set(refused) == {"too_many_requests"}
    assert (await bob.request("chat", text="calm"))["ok"]  # who is quiet may speak


async def test_programs_reactions_and_readiness_pass_through_the_room(meeting: Meeting) -> None:
    ada, bob, cleo = (
        await meeting.enter("ada"),
        await meeting.enter("bob"),
        await meeting.enter("cleo", role="moderator"),
    )
    pointer = {"x": 0.5, "on": [True, None, "é"]}
    assert await ada.ask("app", topic="draw/pointer", payload=pointer) == {"delivered": 2}
    for reader in (bob, cleo):
        assert await reader.event("app") == {"sender": "ada", "topic": "draw/pointer", "payload": pointer}
    assert await ada.ask("app", topic="x", payload=1, to=["cleo"]) == {"delivered": 1}
    assert (await cleo.event("app"))["payload"] == 1
    await ada.ask("reaction", reaction="👏🏽")
    assert await bob.event("reaction") == {"sender": "ada", "reaction": "👏🏽"}
    assert await bob.ask("ready") == {"ready": ["bob"], "waiting": ["ada", "cleo"]}
    assert (await ada.event("ready"))["ready"] == ["bob"]
    dan = await meeting.enter("dan")
    assert await dan.event("ready") == {"ready": ["bob"], "waiting": ["ada", "cleo", "dan"]}
    assert (await ada.refused("ready", clear=True))["code"] == "forbidden"
    assert (await cleo.ask("ready", clear=True))["ready"] == []
    await bob.ask("ready")
    await bob.ask("leave")
    bob = await meeting.enter("bob")
    assert (await dan.ask("ready"))["ready"] == ["dan"]  # who comes back is not ready any more
    await quiet(bob, "app")


async def test_a_moderator_pins_for_everybody_and_it_outlives_a_lost_socket(meeting: Meeting) -> None:
    ada, mod = await meeting.socket(), await meeting.enter("mod", role="moderator")
    mine = pass_for("ada")
    resume = (await ada.ask("join", room="team", token=mine))["resume_token"]
    assert (await ada.refused("pin", participant="ada"))["code"] == "forbidden"
    assert (await mod.refused("pin", participant="nobody"))["field"] == "pinned"
    assert (await mod.ask("pin", participant="ada"))["layout"]["pinned"] == "ada"
    assert (await ada.event("layout_changed"))["state"]["layout"]["pinned"] == "ada"
    await ada.connection.close()
    again = await meeting.socket()
    joined = await again.ask("join", room="team", token=mine, resume=resume)
    assert joined["participant"]["id"] == "ada"
    layout = await meeting.admin.get(f"{ROOM}/views/main/layout")
    assert layout.json()["pinned"] == "ada"
    assert (await mod.ask("pin", participant=None))["layout"]["pinned"] is None

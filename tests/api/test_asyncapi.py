"""The document of the WebSocket tells of every message, and its schemas are those that check them."""

from typing import Any

import httpx
import pytest

from api.asyncapi import document
from api.signaling.messages import event_message
from api.signaling.replies import REPLIES
from api.signaling.requests import REQUESTS
from mcu.protocol.events import AppMessage, Kicked
from tests.api.conftest import MakeServer
from tests.api.people import Meeting
from tests.api.socket import SocketClient


def references(value: Any) -> set[str]:
    match value:
        case dict():
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*map(references, value.values()))
        case list():
            return set().union(*map(references, value))
        case _:
            return set()


async def test_it_is_served_and_every_reference_leads_somewhere(client: httpx.AsyncClient) -> None:
    served = (await client.get("/asyncapi.json")).json()
    assert served["asyncapi"] == "3.0.0"
    for reference in references(served):
        place = served
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert isinstance(place, dict), reference


def test_it_names_every_request_and_what_only_the_wire_knows() -> None:
    messages = document()["components"]["messages"]
    for kind in (*REQUESTS, "join", "leave", "ping"):
        assert messages[f"{kind}.request"]["payload"]["properties"]["type"] == {"const": kind}
    for kind in (
        "joined",
        "denied",
        "chat",
        "chat_history",
        "tiles",
        "lobby",
        "kicked",
        "room_updated",
        "recording",
        "output",
    ):
        assert f"{kind}.event" in messages
    assert "admitted.event" not in messages
    assert messages["chat.request"]["summary"].startswith("``chat`` →")


FROM_CLIENTS = (
    "join", "offer", "candidate", "media_state", "chat", "layout", "view", "pin", "mute", "kick", "lock", "admit",
    "record", "app", "leave", "ping",
)  # fmt: skip
TO_CLIENTS = (
    "joined", "participant_joined", "participant_updated", "participant_left", "tiles", "speakers", "uplink", "chat",
    "chat_history", "recording", "layout_changed", "quality", "room_updated", "moved", "kicked", "error",
)  # fmt: skip


def test_every_message_of_the_contract_is_there_with_its_fields() -> None:
    served = document()
    messages = served["components"]["messages"]
    assert {f"{kind}.request" for kind in FROM_CLIENTS} | {f"{kind}.event" for kind in TO_CLIENTS} <= messages.keys()
    for name, message in messages.items():
        inside = message["payload"]["properties"].get("data") or message["payload"]["properties"]["error"]
        assert inside.keys() & {"$ref", "properties", "anyOf"} or inside.get("title") == "Nothing", name
    for kind, operation in served["operations"].items():
        if kind != "events":
            answers = [one["$ref"].rpartition("/")[2] for one in operation["reply"]["messages"]]
            assert answers == [f"{kind}.reply", "refused"]


async def test_replies_are_what_the_document_says(make_server: MakeServer, open_meeting: Meeting) -> None:
    """Each request once, with success; no field comes that the document doesn't name, and none is missing. A real room
    answers what is about messages, one without media the rest, since it takes any offer.
    """
    asked: dict[str, dict[str, Any]] = {}

    async def ask(socket: SocketClient, kind: str, **data: Any) -> dict[str, Any]:
        asked[kind] = await socket.ask(kind, **data)
        return asked[kind]

    async with SocketClient(open_meeting.server) as ada:
        await ada.ask("join", room="team", name="Ada")
        said = await ask(ada, "chat", text="hello")
        await ask(ada, "chat_edit", message_id=said["message_id"], text="Hello")
        await ask(ada, "chat_delete", message_id=said["message_id"])
    server = await make_server()
    async with SocketClient(server) as ada, SocketClient(server) as bob:
        await ask(ada, "join", room="team", name="Ada")
        them = (await bob.ask("join", room="team", name="Bob"))["participant"]["id"]
        requests: list[tuple[str, dict[str, Any]]] = [
            ("ping", {}),
            ("offer", {"sdp": "v=0\r\n"}),
            ("candidate", {"candidate": None}),
            ("media_state", {"audio": False}),
            ("hand", {"raised": True}),
            ("layout", {"layout": {"preset": "speaker"}}),
            ("view", {"name": "main"}),
            ("mute", {"participant": them, "audio": True}),
            ("role", {"participant": them, "role": "moderator"}),
            ("lock", {"locked": False}),
            ("admit", {"participant": None}),
            ("record", {"action": "start"}),
            ("pin", {"participant": them}),
            ("app", {"topic": "x"}),
            ("reaction", {"reaction": "x"}),
            ("ready", {}),
            ("kick", {"participant": them}),
            ("leave", {}),
        ]
        for kind, data in requests:
            await ask(ada, kind, **data)
    assert asked.keys() == REPLIES.keys() == {"join", *REQUESTS, "leave", "ping"}
    for kind, data in asked.items():
        assert REPLIES[kind].model_validate(data).model_dump(mode="json") == data, kind


@pytest.mark.parametrize("event", [Kicked(to="ada", reason="x"), AppMessage(sender=None, topic="x", payload=[1])])
def test_an_event_has_the_fields_that_its_schema_names(event: Kicked | AppMessage) -> None:
    schema = document()["components"]["schemas"][type(event).__name__]
    assert set(schema["properties"]) == set(event_message(event).data)
    assert not {"type", "to"} & set(schema["properties"])

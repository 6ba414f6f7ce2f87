"""The document of the WebSocket tells of every message, and its schemas are those that check them."""

from typing import Any

import httpx
import pytest

from api.asyncapi import document
from api.signaling.messages import event_message
from api.signaling.requests import REQUESTS
from mcu.protocol.events import AppMessage, Kicked


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
    for kind in ("joined", "denied", "chat", "chat_history", "tiles", "lobby", "kicked", "room_updated", "recording"):
        assert f"{kind}.event" in messages
    assert "admitted.event" not in messages
    assert messages["chat.request"]["summary"].startswith("``chat`` →")


@pytest.mark.parametrize("event", [Kicked(to="ada", reason="x"), AppMessage(sender=None, topic="x", payload=[1])])
def test_an_event_has_the_fields_that_its_schema_names(event: Kicked | AppMessage) -> None:
    schema = document()["components"]["schemas"][type(event).__name__]
    assert set(schema["properties"]) == set(event_message(event).data)
    assert not {"type", "to"} & set(schema["properties"])

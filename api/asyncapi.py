"""``/asyncapi.json``: the WebSocket's messages as an AsyncAPI 3.0 document, made from the models that check them."""

from functools import cache
from typing import Any, Final, get_args

from fastapi import APIRouter
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.signaling.messages import LIFTED, JoinedData
from api.signaling.replies import REPLIES, Nothing
from api.signaling.requests import REQUESTS
from mcu.protocol.events import Admitted, ChannelNews, Denied, Event, LetterWaits, RoomEvent
from mcu.protocol.wire import ErrorBody, JoinData

router = APIRouter()

Json = dict[str, Any]
CHANNEL = "/api/v1/ws"
_NUMBER: Final[Json] = {"type": "integer", "minimum": 0, "maximum": 2**53}

DESCRIPTION = """
JSON text messages. A request is `{"id": 7, "type": …, "data": …}`; its answer `{"reply_to": 7, "ok": true, "data": …}`
or `{"reply_to": 7, "ok": false, "error": {"code": …, "message": …}}`. An event has a `type` and `data`, and no id.
Clients ignore events and fields they don't know. The first request is `join`; `leave` ends the socket.
"""


@router.get("/asyncapi.json", include_in_schema=False)
async def asyncapi() -> Json:
    """The document."""
    return document()


@cache
def document() -> Json:
    requests: dict[str, type[BaseModel]] = {"join": JoinData, **REQUESTS, "leave": Nothing, "ping": Nothing}
    events: dict[str, type[BaseModel]] = {**_events(), "joined": JoinedData, "denied": ErrorBody}
    schemas = _Schemas(requests.values(), dict.fromkeys((*events.values(), *REPLIES.values(), ErrorBody)))
    messages = {f"{kind}.request": _request(kind, model, schemas) for kind, model in requests.items()}
    messages |= {f"{kind}.event": _event(kind, model, schemas) for kind, model in events.items()}
    messages |= {f"{kind}.reply": _reply(kind, REPLIES[kind], schemas) for kind in requests}
    messages["refused"] = _refused(schemas)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "mosaic-mcu signaling", "version": "1", "description": DESCRIPTION.strip()},
        "defaultContentType": "application/json",
        "channels": {
            "signaling": {
                "address": CHANNEL,
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET"}},
            }
        },
        "operations": {
            **{kind: _asked(kind) for kind in requests},
            "events": {
                "action": "send",
                "channel": {"$ref": "#/channels/signaling"},
                "messages": [_on_channel(f"{kind}.event") for kind in events],
            },
        },
        "components": {"messages": messages, "schemas": schemas.definitions},
    }


class _Schemas:
    """The schemas of what clients send, and of what they are sent; what both name stands there once."""

    def __init__(self, received: Any, sent: Any) -> None:
        self._by_model, document = models_json_schema(
            [*((model, "validation") for model in received), *((model, "serialization") for model in sent)],
            ref_template="#/components/schemas/{model}",
        )
        self.definitions: Json = document["$defs"]
        for model in sent:
            if issubclass(model, RoomEvent):
                _strip(self.definitions[model.__name__])

    def received(self, model: type[BaseModel]) -> Json:
        return self._by_model[model, "validation"]

    def sent(self, model: type[BaseModel]) -> Json:
        return self._by_model[model, "serialization"]


def _strip(schema: Json) -> None:
    """An event's type stands in its envelope, and whom it is for is the server's affair."""
    for name in ("type", "to"):
        schema["properties"].pop(name, None)
    schema["required"] = [name for name in schema.get("required", ()) if name != "type"]


def _events() -> dict[str, type[BaseModel]]:
    """Every event a joined client may get, by type. Who waits hears of the decision in other words, and what is said on
    data channels is the session's affair.
    """
    (union, *_) = get_args(Event)
    events = {}
    for model in get_args(union):
        if model not in (Admitted, Denied, ChannelNews, LetterWaits):
            kind = model.model_fields["type"].default
            events[kind] = model.model_fields[LIFTED[kind]].annotation if kind in LIFTED else model
    return events


def _request(kind: str, model: type[BaseModel], schemas: _Schemas) -> Json:
    envelope = {
        "type": "object",
        "required": ["id", "type"],
        "properties": {
            "id": _NUMBER,
            "type": {"const": kind},
            "data": schemas.received(model),
        },
    }
    return {"name": kind, "summary": _summary(model), "payload": envelope}


def _reply(kind: str, model: type[BaseModel], schemas: _Schemas) -> Json:
    envelope = {
        "type": "object",
        "required": ["reply_to", "ok", "data"],
        "properties": {"reply_to": _NUMBER, "ok": {"const": True}, "data": schemas.sent(model)},
    }
    return {"name": f"{kind}.reply", "summary": _summary(model), "payload": envelope}


def _refused(schemas: _Schemas) -> Json:
    envelope = {
        "type": "object",
        "required": ["reply_to", "ok", "error"],
        "properties": {"reply_to": _NUMBER, "ok": {"const": False}, "error": schemas.sent(ErrorBody)},
    }
    return {"name": "refused", "summary": "Why a request was not carried out.", "payload": envelope}


def _event(kind: str, model: type[BaseModel], schemas: _Schemas) -> Json:
    envelope = {
        "type": "object",
        "required": ["type", "data"],
        "properties": {"type": {"const": kind}, "data": schemas.sent(model)},
    }
    return {"name": kind, "summary": _summary(model), "payload": envelope}


def _asked(kind: str) -> Json:
    return {
        "action": "receive",
        "channel": {"$ref": "#/channels/signaling"},
        "messages": [_on_channel(f"{kind}.request")],
        "reply": {
            "channel": {"$ref": "#/channels/signaling"},
            "messages": [_on_channel(f"{kind}.reply"), _on_channel("refused")],
        },
    }


def _on_channel(message: str) -> Json:
    return {"$ref": f"#/channels/signaling/messages/{message}"}


def _summary(model: type[BaseModel]) -> str:
    own = model.__dict__.get("__doc__") or ""
    return " ".join(own.split())

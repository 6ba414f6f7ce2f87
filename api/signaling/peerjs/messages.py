"""What PeerJS clients and their server say to each other."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError
from pydantic_core import from_json, to_json

from mcu.errors import BadRequest
from mcu.protocol.names import Sdp
from mcu.protocol.wire import CandidateInit

PeerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+(?:[ _-][A-Za-z0-9]+)*$", max_length=64)]
"""As ``peerjs`` itself lets a peer be called."""

Target = Annotated[str, StringConstraints(min_length=1, max_length=128)]
ConnectionId = Annotated[str, StringConstraints(max_length=128)]


class Message(BaseModel):
    """From a client. Everything but a heartbeat is for ``dst``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["OFFER", "ANSWER", "CANDIDATE", "LEAVE", "EXPIRE", "HEARTBEAT"]
    dst: Target | None = None
    payload: JsonValue = None


class Description(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["offer"]
    sdp: Sdp


class CallOffer(BaseModel):
    """The payload of an ``OFFER`` that the server itself answers: a call, or a connection for data."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["media", "data"]
    connectionId: ConnectionId  # noqa: N815 - PeerJS's name
    sdp: Description
    metadata: JsonValue = None
    serialization: Annotated[str, StringConstraints(max_length=32)] = "binary"


class CallCandidate(BaseModel):
    """The payload of a ``CANDIDATE`` for the server itself."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    connectionId: ConnectionId  # noqa: N815 - PeerJS's name
    candidate: CandidateInit | None = Field(default=None)


def parse(text: str) -> Message:
    """Raises ``BadRequest``."""
    try:
        message = Message.model_validate(from_json(text, allow_inf_nan=False))
    except (ValueError, ValidationError):
        raise BadRequest("Invalid message") from None
    if message.type != "HEARTBEAT" and message.dst is None:
        raise BadRequest("Invalid message")
    return message


def packed(kind: str, *, src: str | None = None, dst: str | None = None, payload: Any = None) -> str:
    """As it is sent to clients."""
    parts = {"type": kind, "src": src, "dst": dst, "payload": payload}
    return to_json({name: part for name, part in parts.items() if part is not None}).decode()


def error(text: str) -> str:
    return packed("ERROR", payload={"msg": text})

"""How clients of the teaching dialects ask to come into a room, and how they are told that they can't, or not yet."""

from typing import Any

from api.errors import error_body, validated
from api.session import told_to_wait
from api.signaling.socketio.line import NO_ANSWER, Line
from api.signaling.socketio.server import acknowledged
from mcu.errors import McuError
from mcu.protocol.wire import JoinData


def asked_join(first: Any, **known: Any) -> JoinData:
    """The room's name, or ``{room, password}`` where it takes one. Raises ``Unprocessable``."""
    named = {name: first.get(name) for name in ("room", "password")} if isinstance(first, dict) else {"room": first}
    return validated(JoinData, {**named, **known})


async def lobby(line: Line, room: str) -> tuple[Any, ...]:
    """As ``refusal``, for who has to wait; the event ``waiting`` comes in every case."""
    await line.emit("waiting", room)
    body = error_body(told_to_wait()).model_dump(exclude_none=True)
    return (body,) if acknowledged.get() else NO_ANSWER


async def refusal(line: Line, error: McuError) -> tuple[Any, ...]:
    """The arguments of an acknowledgement, which has none where all is well. Who asked for none gets an ``error``."""
    body = error_body(error).model_dump(exclude_none=True)
    if acknowledged.get():
        return (body,)
    await line.emit("error", body)
    return NO_ANSWER

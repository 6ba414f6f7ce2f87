"""``/rooms/{room}/messages``: the chat, as a program reads it, speaks in it and keeps it in order."""

from typing import Annotated

from fastapi import APIRouter, Body, Path
from pydantic import BaseModel, ConfigDict, Field

from api.routes.common import RoomDep, problems
from mcu.protocol.names import DisplayName
from mcu.protocol.talk import ChannelName, ChatMessage, MessageId, MessageText, Recipients, Said, Say

router = APIRouter(prefix="/rooms/{room}/messages", tags=["chat"])

MessagePath = Annotated[MessageId, Path(alias="message", description="The message's id.")]


class NewMessage(BaseModel):
    """Said by the server, under ``name``."""

    model_config = ConfigDict(extra="forbid")

    text: MessageText
    name: DisplayName | None = Field(default=None, description="`Server` where none is given")
    to: Recipients | None = Field(default=None, description="for these participants only, and never in the history")
    channel: ChannelName | None = None


class MessageEdit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: MessageText


class MessageList(BaseModel):
    messages: tuple[ChatMessage, ...]


@router.post("", status_code=201, operation_id="post_message", responses=problems(400, 404, 413, 415, 429))
async def post_message(
    room: RoomDep, message: Annotated[NewMessage, Body(examples=[{"text": "Five minutes left."}])]
) -> Said:
    """Says something in the chat as the server."""
    return await room.post(Say(sender=None, **message.model_dump()))


@router.get("", operation_id="list_messages", responses=problems(404))
async def list_messages(room: RoomDep) -> MessageList:
    """What was said to everybody, oldest first, as far as the room remembers it. Private messages are not in it."""
    return MessageList(messages=await room.messages())


@router.patch("/{message}", operation_id="edit_message", responses=problems(400, 404, 413, 415, 429))
async def edit_message(
    room: RoomDep, message: MessagePath, edit: Annotated[MessageEdit, Body(examples=[{"text": "Ten minutes left."}])]
) -> ChatMessage:
    """Puts other words into a message to everybody: one's own, or as a moderator anybody's."""
    return await room.edit_message(message, edit.text)


@router.delete("/{message}", status_code=204, operation_id="delete_message", responses=problems(404, 429))
async def delete_message(room: RoomDep, message: MessagePath) -> None:
    """Takes a message to everybody back."""
    await room.delete_message(message)

"""What people say to each other, what programs send beside them, and how a room is asked to pass it on."""

import unicodedata
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, StringConstraints
from pydantic_core import to_json

from mcu.protocol.models import Connection, Frozen
from mcu.protocol.names import DisplayName, ParticipantId

MAX_TEXT_CHARS = 2000
MAX_HISTORY = 100
"""So many messages to everybody a room remembers, for those who come later."""

MAX_RECIPIENTS = 100
MAX_PAYLOAD_BYTES = 16 * 1024
MAX_CHANNEL_CHARS = 32 * 1024

GROUP = "group"
"""The channel of those who stand in the sender's group. Every other channel is a name on a message that all get."""


MAX_REACTION_CHARS = 16


def _clean(max_chars: int) -> Callable[[str], str]:
    """NFC, blanks around it trimmed, without control characters other than line ends and tabs. What comes out comes
    out the same a second time.
    """

    def clean(value: str) -> str:
        normal = unicodedata.normalize("NFC", value)
        text = "".join(c for c in normal if c in "\n\t" or unicodedata.category(c) != "Cc").strip()
        if not text:
            raise ValueError("must hold at least one printable character")
        if len(text) > max_chars:  # some letters become two under NFC
            raise ValueError(f"should have at most {max_chars} characters")
        return text

    return clean


def _bounded(value: JsonValue) -> JsonValue:
    if len(to_json(value)) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"is more than {MAX_PAYLOAD_BYTES} bytes of JSON")
    return value


MessageId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{1,32}$")]
MessageText = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARS), AfterValidator(_clean(MAX_TEXT_CHARS))]
ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_\-]{1,32}$")]
Recipients = Annotated[tuple[ParticipantId, ...], Field(min_length=1, max_length=MAX_RECIPIENTS)]
Topic = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/\-]{1,64}$")]
Payload = Annotated[JsonValue, AfterValidator(_bounded)]
ReactionText = Annotated[
    str, StringConstraints(max_length=MAX_REACTION_CHARS), AfterValidator(_clean(MAX_REACTION_CHARS))
]


class ChatMessage(Frozen):
    """One message as its readers see it."""

    id: MessageId
    sender: ParticipantId | None = Field(description="null: the server, or a program that speaks for it")
    name: DisplayName = Field(description="the sender's name when it was said")
    text: MessageText
    channel: ChannelName | None = None
    to: Recipients | None = Field(default=None, description="private: for these participants only")
    sent_at: AwareDatetime
    edited_at: AwareDatetime | None = None


class Say(Frozen):
    """→ ``Said``. ``sender`` None: the server speaks, as ``name``. Raises NotFound when nobody of ``to`` is here,
    Unprocessable for the channel ``group`` of somebody in no group, TooMany for a flood.
    """

    type: Literal["say"] = "say"
    sender: ParticipantId | None
    name: DisplayName | None = None
    text: MessageText
    to: Recipients | None = None
    channel: ChannelName | None = None


class Said(Frozen):
    """``delivered``: to how many others it went at once; someone who is reconnecting gets it when they are back."""

    message_id: MessageId
    delivered: int
    sent_at: AwareDatetime


class EditMessage(Frozen):
    """→ ``ChatMessage``. Authors edit their own messages, moderators those to everybody. Raises NotFound for a message
    that the room doesn't remember, or that is none of ``by``'s business; Forbidden for somebody else's.
    """

    type: Literal["edit_message"] = "edit_message"
    message: MessageId
    text: MessageText
    by: ParticipantId | None
    moderates: bool = False


class DeleteMessage(Frozen):
    """→ ``Done``. As ``EditMessage``."""

    type: Literal["delete_message"] = "delete_message"
    message: MessageId
    by: ParticipantId | None
    moderates: bool = False


class SpeakOnChannel(Frozen):
    """→ ``Done``. ``words`` on a data channel of the participant's (``ChannelNews``); null: it is closed. ``octets``:
    they are no text, and stand here one character each. Without effect on a channel that is closed.
    """

    type: Literal["speak_on_channel"] = "speak_on_channel"
    participant: ParticipantId
    connection: Connection
    number: Annotated[int, Field(ge=0, le=65_535)]
    words: Annotated[str, StringConstraints(max_length=MAX_CHANNEL_CHARS)] | None
    octets: bool = False


class GetChatHistory(Frozen):
    """→ ``ChatHistory``: the newest messages to everybody, oldest first. For ``participant`` also those private ones
    that came while they were reconnecting, or went to a socket that turned out to be dead; they are told once.
    """

    type: Literal["get_chat_history"] = "get_chat_history"
    participant: ParticipantId | None = None


class ChatHistory(Frozen):
    messages: tuple[ChatMessage, ...]


class RestoreChat(Frozen):
    """→ ``Done``. What was said in an earlier life of the room, oldest first; nobody is told of it: to everybody, or in
    private to ``participant``, who gets it when they ask for the history. Raises NotFound.
    """

    type: Literal["restore_chat"] = "restore_chat"
    participant: ParticipantId | None = None
    messages: tuple[ChatMessage, ...] = Field(max_length=MAX_HISTORY)


class SendApp(Frozen):
    """→ ``Delivered``. Passed on as it is, to all others or to ``to``, and remembered nowhere. Raises as ``Say``."""

    type: Literal["app"] = "app"
    sender: ParticipantId | None
    topic: Topic
    payload: Payload = None
    to: Recipients | None = None


class Delivered(Frozen):
    delivered: int


class React(Frozen):
    """→ ``Done``. A sign that everybody sees and nobody keeps: a clap, a heart."""

    type: Literal["react"] = "react"
    sender: ParticipantId
    reaction: ReactionText


class SetReady(Frozen):
    """→ ``ReadySet``. One participant is ready for what comes, or no more."""

    type: Literal["set_ready"] = "set_ready"
    participant: ParticipantId
    ready: bool


class ClearReady(Frozen):
    """→ ``ReadySet``. Nobody is ready: the next round begins."""

    type: Literal["clear_ready"] = "clear_ready"


class GetReady(Frozen):
    """→ ``ReadySet``"""

    type: Literal["get_ready"] = "get_ready"


class ReadySet(Frozen):
    ready: tuple[ParticipantId, ...]
    waiting: tuple[ParticipantId, ...] = Field(description="all others who are in the room")

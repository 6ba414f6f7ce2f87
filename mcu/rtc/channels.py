"""What is said on a connection's data channels, as whoever owns the connection learns and answers it."""

from dataclasses import dataclass
from typing import Literal

ChannelState = Literal["open", "said", "closed"]

MAX_WORDS_BYTES = 16 * 1024
"""Of one message on a channel that somebody listens to. SCTP itself would carry more."""


@dataclass(frozen=True, slots=True)
class ChannelNews:
    """A channel of the remote side's opened, said ``words``, or closed; ``number`` is its SCTP stream. ``words`` is
    None for a message that was too long to be handed on.
    """

    number: int
    state: ChannelState
    label: str
    protocol: str
    words: str | bytes | None = None

"""Whose room it is, and what becomes of it when they leave."""

from collections.abc import Callable
from typing import Literal

import structlog

from mcu.protocol.models import RoomSpec
from mcu.room.participant import Participant

log = structlog.get_logger()

Outcome = Literal["nothing", "handed_over", "over"]


class Ownership:
    """The owner is whom the room's settings name, or else the first moderator to come. On the event loop.

    Somebody who is replaced by themselves, or may still come back, has not left.
    """

    def __init__(self, spec: Callable[[], RoomSpec]) -> None:
        self._spec = spec
        self._host: str | None = None

    @property
    def owner(self) -> str | None:
        return self._host or self._spec().owner

    def named_anew(self) -> None:
        """The settings name an owner, or nobody: whom they name counts from now on."""
        self._host = None

    def came(self, participant: Participant) -> bool:
        """Whether they are the owner from now on."""
        if self.owner is not None or not participant.moderates or participant.hidden:
            return False
        self._host = participant.id
        return True

    def left(self, participant: Participant, others: tuple[Participant, ...]) -> tuple[Outcome, Participant | None]:
        """What is to be done, and who comes after them: the moderator, or else the participant, who came first."""
        policy = self._spec().on_owner_left
        if participant.id != self.owner:
            return "nothing", None
        if policy == "keep":
            self._host = None  # the next moderator to come, unless the settings name somebody
            return "nothing", None
        if policy == "close":
            log.info("owner_left", room=self._spec().name, policy=policy)
            return "over", None
        heir = next((person for person in others if person.moderates), next(iter(others), None))
        self._host = heir.id if heir is not None else None
        log.info("owner_left", room=self._spec().name, policy=policy, heir=self._host)
        return "handed_over", heir

"""Who is in the room, as dialects tell it that know names and counts only."""

from collections.abc import Iterable

from mcu.protocol.events import Event
from mcu.protocol.models import ParticipantInfo


class Company:
    """The people of one room by what its events say; nobody hidden among them."""

    def __init__(self, people: Iterable[ParticipantInfo]) -> None:
        self._names = {person.id: person.name for person in people if not person.hidden}

    def __len__(self) -> int:
        return len(self._names)

    def came(self, event: Event) -> str | None:
        """The name of somebody new, when the event says that; one who was known already is no news."""
        if event.type not in ("participant_joined", "participant_updated") or event.participant.hidden:
            return None
        known = event.participant.id in self._names
        self._names[event.participant.id] = event.participant.name
        return None if known or event.type == "participant_updated" else event.participant.name

    def left(self, event: Event) -> str | None:
        """The name of somebody who left, when the event says that."""
        return self._names.pop(event.id, None) if event.type == "participant_left" else None

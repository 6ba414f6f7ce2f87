"""Who is forwarded where not everybody can be: those who share a screen, who spoke last, who came last."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from mcu.room.participant import Participant
from mixer.scene import TileKey

KeyT = TypeVar("KeyT")


def ranked(
    people: Sequence[Participant], last_spoke_ns: Mapping[str, int], viewer: Participant
) -> tuple[list[TileKey], list[str]]:
    """The pictures and the microphones that ``viewer`` should get, the most wanted first. ``people`` in the order in
    which they came. Everybody of the viewer's group but themselves.
    """
    others = [person for person in people if person is not viewer and not person.hidden and person.ever_connected]
    others = [person for person in others if person.group == viewer.group]
    others.reverse()
    newest_first = sorted(others, key=lambda person: -last_spoke_ns.get(person.id, 0))
    shown = [picture.key for person in newest_first for picture in person.pictures if picture.shown]
    screens = [key for key in shown if key.source == "screen"]
    cameras = [key for key in shown if key.source == "camera"]
    return screens + cameras, [person.id for person in newest_first if person.hears]


def seated(seats: Sequence[KeyT | None], wanted: Iterable[KeyT]) -> list[KeyT | None]:
    """Who has which of the places: the first of ``wanted``, as many as there are places. Those who stay keep theirs,
    and newcomers take the free ones in their order.
    """
    chosen = list(wanted)[: len(seats)]
    kept = [seat if seat in chosen else None for seat in seats]
    newcomers = iter([one for one in chosen if one not in kept])
    return [next(newcomers, None) if seat is None else seat for seat in kept]

"""The one session all doors share: what a principal may ask of a room, and a participant's stay in it.

Permissions are checked here and nowhere else; an adapter translates messages and has no rules of its own.
"""

from api.session.archive import Archive
from api.session.control import RoomControl
from api.session.door import RoomPatch, hashed
from api.session.entering import admitted, enter, follow, nothing_to_watch, observe, require_publishing
from api.session.knock import LOBBY, Knock, Refusal, nobody_is_refused, told_to_wait
from api.session.session import Session

__all__ = [
    "LOBBY",
    "Archive",
    "Knock",
    "Refusal",
    "RoomControl",
    "RoomPatch",
    "Session",
    "admitted",
    "enter",
    "follow",
    "hashed",
    "nobody_is_refused",
    "nothing_to_watch",
    "observe",
    "require_publishing",
    "told_to_wait",
]

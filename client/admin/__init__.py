"""The server's REST side for Python programs: rooms, those in them, what they see, hear and say.

``client.room`` takes part in a room; this governs it.
"""

from client.admin.admin import Admin
from client.admin.errors import (
    AccessDenied,
    AdminRefused,
    Busy,
    Clash,
    InvalidRequest,
    NotThere,
    ServerFailed,
)
from client.admin.playback import PlaybackWishes
from client.admin.room import RoomAdmin
from client.admin.view import ViewAdmin

__all__ = [
    "AccessDenied",
    "Admin",
    "AdminRefused",
    "Busy",
    "Clash",
    "InvalidRequest",
    "NotThere",
    "PlaybackWishes",
    "RoomAdmin",
    "ServerFailed",
    "ViewAdmin",
]

"""The servers of ``tests/api``, for the doors beside REST and the canonical WebSocket."""

from tests.api.conftest import (
    engine,
    make_server,
    meeting,
    no_ambient_settings,
    open_meeting,
    plain_log,
    recordings_dir,
    server,
    stack,
)

__all__ = [
    "engine",
    "make_server",
    "meeting",
    "no_ambient_settings",
    "open_meeting",
    "plain_log",
    "recordings_dir",
    "server",
    "stack",
]

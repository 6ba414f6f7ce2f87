"""What can go wrong for somebody who joins a room.

::

    ClientError
    ├── JoinRefused       the server said no; ``code`` says why (forbidden, room_full …)
    ├── RequestRefused    a later request was refused: a layout, a recording, a screen share
    ├── ConnectionLost    the server can't be reached, or didn't come back in time
    ├── Removed           a moderator, another join under the same identity, or the room's end took us out
    └── SourceFailed      a file can't be opened, or holds no such stream
"""


class ClientError(Exception):
    """The root; ``message`` says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestRefused(ClientError):
    """``code`` is one of the wire's stable codes; ``field`` names the offending field where there is one."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.reason = message
        self.field = field


class JoinRefused(RequestRefused):
    """Asking again unchanged won't help, unless ``code`` is no_capacity or too_many_requests."""


class ConnectionLost(ClientError):
    pass


class Removed(ClientError):
    pass


class SourceFailed(ClientError):
    pass

"""Every error a user of the server can meet, and whose fault it is.

::

    McuError
    ├── ClientFault                     the request was wrong; asking again unchanged won't help
    │   ├── BadRequest                  bad_request, bad_sdp, no_common_codec, bad_candidate
    │   ├── NotAcceptable               not_acceptable: more tracks, or others, than there is a use for here
    │   ├── Unauthorised                unauthorised
    │   ├── Forbidden                   forbidden, password_required, wrong_password, denied, banned,
    │   │                               lobby, host_not_allowed
    │   ├── NotFound                    no_such_room, no_such_participant, no_such_view, no_such_recording,
    │   │                               no_such_change, no_such_message, no_such_ban,
    │   │                               no_such_announcement, no_such_output, no_such_playback, no_such_file,
    │   │                               no_such_stream, not_found
    │   ├── Conflict                    room_full, lobby_full, wrong_state, schedule_full, view_exists, too_many_views,
    │   │                               too_many_groups, too_many_announcements, too_many_outputs,
    │   │                               too_many_playbacks, not_mixed, no_playback_dir,
    │   │                               nothing_to_watch (Retry-After)
    │   ├── Locked                      room_locked
    │   ├── LayoutChanged               layout_changed: somebody else was faster
    │   ├── StaleIce                    ice_changed: meant for another ICE session of the stream
    │   ├── TooLarge                    too_large
    │   ├── UnsupportedMedia            unsupported_media_type: another type of body than is taken here
    │   ├── Unprocessable               invalid, srt_unavailable: which field, and why
    │   └── TooMany                     too_many_requests (Retry-After)
    └── ServerFault                     the request was right
        ├── NoCapacity                  no_capacity (Retry-After)
        ├── StoreUnavailable            store_unavailable (Retry-After)
        └── Internal                    internal

``code`` is stable and part of the wire; ``message`` says what to do and never holds a secret.
"""

from typing import ClassVar


class McuError(Exception):
    """The root. ``field`` names the offending field of the request where there is one."""

    code: ClassVar[str] = "internal"

    def __init__(
        self, message: str, *, code: str | None = None, field: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = code or type(self).code
        self.field = field
        self.retry_after_s = retry_after_s


class ClientFault(McuError):
    code = "bad_request"


class BadRequest(ClientFault):
    code = "bad_request"


class NotAcceptable(ClientFault):
    code = "not_acceptable"


class Unauthorised(ClientFault):
    code = "unauthorised"


class Forbidden(ClientFault):
    code = "forbidden"


class NotFound(ClientFault):
    code = "not_found"


class Conflict(ClientFault):
    code = "wrong_state"


class Locked(ClientFault):
    code = "room_locked"


class LayoutChanged(ClientFault):
    code = "layout_changed"


class StaleIce(ClientFault):
    code = "ice_changed"


class TooLarge(ClientFault):
    code = "too_large"


class UnsupportedMedia(ClientFault):
    code = "unsupported_media_type"


class Unprocessable(ClientFault):
    code = "invalid"


class TooMany(ClientFault):
    code = "too_many_requests"


class ServerFault(McuError):
    code = "internal"


class NoCapacity(ServerFault):
    code = "no_capacity"


class StoreUnavailable(ServerFault):
    code = "store_unavailable"


class Internal(ServerFault):
    code = "internal"

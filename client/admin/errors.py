"""What a request to the server's REST side can come to.

::

    ClientError
    ├── RequestRefused
    │   └── AdminRefused        the server said no, as problem+json (RFC 9457)
    │       ├── InvalidRequest  400, 413, 415, 422: ``field`` says which field
    │       ├── AccessDenied    401, 403: no key, one that isn't good here, or that doesn't allow this
    │       ├── NotThere        404: no such room, participant, view …
    │       ├── Clash           409, 412, 423: not in the present state, or somebody else was faster
    │       ├── Busy            429, 503: ask again after ``retry_after_s``
    │       └── ServerFailed    5xx: a fault of the server's, or an answer that is none of its own
    └── ConnectionLost          the server can't be reached, or didn't answer in time
"""

import httpx

from client.errors import RequestRefused

MAX_REASON_CHARS = 500


class AdminRefused(RequestRefused):
    """``code`` is stable; ``status`` is that of HTTP."""

    def __init__(
        self, status: int, code: str, message: str, field: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(code, message, field)
        self.status = status
        self.retry_after_s = retry_after_s


class InvalidRequest(AdminRefused):
    pass


class AccessDenied(AdminRefused):
    pass


class NotThere(AdminRefused):
    pass


class Clash(AdminRefused):
    pass


class Busy(AdminRefused):
    pass


class ServerFailed(AdminRefused):
    pass


KINDS: dict[int, type[AdminRefused]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: NotThere,
    409: Clash,
    412: Clash,
    423: Clash,
    429: Busy,
    503: Busy,
}


def refusal(answer: httpx.Response) -> AdminRefused:
    """The error of an answer that is none of 2xx and whose body was read; of any server, not of ours alone."""
    status = answer.status_code
    kind = KINDS.get(status, InvalidRequest if 400 <= status < 500 else ServerFailed)
    wait = answer.headers.get("retry-after", "")
    retry_after_s = int(wait) if wait.isdecimal() and len(wait) < 10 else None
    body: object = None
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        try:
            body = answer.json()
        except (ValueError, RecursionError):
            body = None
    if not isinstance(body, dict):
        said = f"{answer.request.url} answered with {status}: is it the right server?"
        return kind(status, "not_understood", said, None, retry_after_s)
    field = body.get("field")
    return kind(
        status,
        str(body.get("code", "not_understood")),
        str(body.get("detail", ""))[:MAX_REASON_CHARS],
        None if field is None else str(field),
        retry_after_s,
    )

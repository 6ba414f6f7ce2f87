"""The one table from errors to what a client sees: problem+json (RFC 9457) over HTTP, error bodies in signaling."""

from collections.abc import Sequence
from typing import Any, TypeVar

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mcu.errors import (
    BadRequest,
    ClientFault,
    Conflict,
    Forbidden,
    LayoutChanged,
    Locked,
    McuError,
    NoCapacity,
    NotAcceptable,
    NotFound,
    ServerFault,
    StaleIce,
    StoreUnavailable,
    TooLarge,
    TooMany,
    Unauthorised,
    Unprocessable,
    UnsupportedMedia,
)
from mcu.protocol.wire import ErrorBody

log = structlog.get_logger()

STATUS: dict[type[McuError], int] = {
    BadRequest: 400,
    Unauthorised: 401,
    Forbidden: 403,
    NotFound: 404,
    NotAcceptable: 406,
    Conflict: 409,
    Locked: 423,
    LayoutChanged: 412,
    StaleIce: 412,
    TooLarge: 413,
    UnsupportedMedia: 415,
    Unprocessable: 422,
    TooMany: 429,
    NoCapacity: 503,
    StoreUnavailable: 503,
    ClientFault: 400,
    ServerFault: 500,
    McuError: 500,
}

# What the router and the server say by themselves.
ROUTER_CODES = {
    400: "bad_request",
    401: "unauthorised",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    415: "unsupported_media_type",
    503: "no_capacity",
}

MAX_FIELD_CHARS = 200
MAX_DETAIL_CHARS = 500

ModelT = TypeVar("ModelT", bound=BaseModel)


class Problem(BaseModel):
    """RFC 9457 problem details. ``code`` is stable; ``field`` is the path of what is wrong in the request."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | None = None


PROBLEM_REFERENCE = "#/components/schemas/Problem"


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def status_of(error: McuError) -> int:
    """The HTTP status of an error: that of its nearest class in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_response(error: McuError) -> Response:
    headers: dict[str, str] = {}
    status = status_of(error)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="mosaic-mcu"'
    if error.retry_after_s is not None or status in (429, 503):
        headers["Retry-After"] = str(error.retry_after_s or 1)
    return problem(status, error.error_code, error.message, field=error.field, headers=headers)


def problem(
    status: int, code: str, detail: str, *, field: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    body = Problem(
        type=f"urn:mosaic-mcu:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=printable(detail, MAX_DETAIL_CHARS),
        code=code,
        field=field,
    )
    return ProblemResponse(body.model_dump(exclude_none=True), status_code=status, headers=headers)


def error_body(error: McuError) -> ErrorBody:
    """The same error in a signaling message."""
    return ErrorBody(code=error.error_code, message=printable(error.message, MAX_DETAIL_CHARS), field=error.field)


def validated(model: type[ModelT], data: object) -> ModelT:
    """``data`` as ``model``. Raises ``Unprocessable`` naming the first field that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise unprocessable(error.errors(include_input=False, include_url=False)) from None


def unprocessable(details: Sequence[Any], skip: int = 0) -> Unprocessable:
    """pydantic's list of errors as one; ``skip`` leading parts of the path say nothing to the client."""
    first = details[0]
    path = ".".join(str(part) for part in first["loc"][skip:])
    message = str(first["msg"]).removeprefix("Value error, ")
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return Unprocessable(message + more, field=printable(path, MAX_FIELD_CHARS) or None)


def printable(text: str, limit: int) -> str:
    """Bounded, and encodable as UTF-8 whatever the client sent."""
    return text[:limit].encode("utf-8", "replace").decode("utf-8")


async def on_mcu_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, McuError)
    if isinstance(error, ServerFault):
        log.warning("request_failed", path=request.url.path, code=error.error_code, error=error.message)
    return problem_response(error)


async def on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    details = error.errors()
    if details[0]["type"] == "json_invalid":
        return problem_response(BadRequest("the body is not valid JSON"))
    if details[0]["loc"] == ("body",) and not _is_json(request) and await request.body():
        return problem_response(UnsupportedMedia("send the body as application/json"))
    return problem_response(unprocessable(details, skip=1))


async def on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = ROUTER_CODES.get(error.status_code, "bad_request" if error.status_code < 500 else "internal")
    headers = dict(error.headers) if error.headers else None
    return problem(error.status_code, code, str(error.detail), headers=headers)


def internal_problem() -> Response:
    """What a client learns of a fault of ours: nothing but that it was ours."""
    return problem(500, "internal", "something went wrong in the server; it has been logged")


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))

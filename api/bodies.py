"""Bodies of requests that are files: read whole, and never more of them kept than is allowed."""

from starlette.requests import ClientDisconnect, Request

from mcu.errors import BadRequest, TooLarge


def content_type(request: Request) -> str:
    """Without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def bounded_body(request: Request, max_bytes: int) -> bytes:
    """The body, of which more than ``max_bytes`` is read and thrown away. Raises ``TooLarge``, or ``BadRequest`` for
    one that is empty or ends early.
    """
    kept, received = bytearray(), 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received <= max_bytes:
                kept += chunk
    except ClientDisconnect:
        raise BadRequest("the body ended early") from None
    if received > max_bytes:
        raise TooLarge(f"a body has at most {max_bytes} bytes here: make it smaller")
    if not kept:
        raise BadRequest("the body is empty: send the file itself")
    return bytes(kept)

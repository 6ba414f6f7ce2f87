"""Image files as the bodies of requests: bounded, and of a type that says image."""

from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from mcu.errors import BadRequest, TooLarge, UnsupportedMedia
from mcu.protocol.decor import MAX_IMAGE_BYTES

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")


async def image_body(request: Request) -> bytes:
    """The body, of which more than ``MAX_IMAGE_BYTES`` is read and thrown away, but never kept. Raises
    ``UnsupportedMedia``, ``TooLarge``, or ``BadRequest`` for one that is empty or ends early.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    kept, received = bytearray(), 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received <= MAX_IMAGE_BYTES:
                kept += chunk
    except ClientDisconnect:
        raise BadRequest("the body ended early") from None
    if kind not in IMAGE_TYPES:
        raise UnsupportedMedia(f"send the image itself, with a Content-Type of {', '.join(IMAGE_TYPES)}")
    if received > MAX_IMAGE_BYTES:
        raise TooLarge(f"an image has at most {MAX_IMAGE_BYTES} bytes: make it smaller")
    if not kept:
        raise BadRequest("the body is empty: send the image itself")
    return bytes(kept)


ImageBody = Annotated[bytes, Depends(image_body)]

IMAGE_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in IMAGE_TYPES},
    }
}
"""What OpenAPI says of it."""

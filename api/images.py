"""Image files as the bodies of requests: bounded, and of a type that says image."""

from typing import Annotated, Any

from fastapi import Depends, Request

from api.bodies import bounded_body, content_type
from mcu.errors import UnsupportedMedia
from mcu.protocol.decor import MAX_IMAGE_BYTES

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")


async def image_body(request: Request) -> bytes:
    """The body, of which more than ``MAX_IMAGE_BYTES`` is read and thrown away, but never kept. Raises
    ``UnsupportedMedia``, ``TooLarge``, or ``BadRequest`` for one that is empty or ends early.
    """
    image = await bounded_body(request, MAX_IMAGE_BYTES)
    if content_type(request) not in IMAGE_TYPES:
        raise UnsupportedMedia(f"send the image itself, with a Content-Type of {', '.join(IMAGE_TYPES)}")
    return image


ImageBody = Annotated[bytes, Depends(image_body)]

IMAGE_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in IMAGE_TYPES},
    }
}
"""What OpenAPI says of it."""

"""``/rooms/{room}/views/{view}``: what a view wears besides its people; and the avatars of participants."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from api.images import IMAGE_REQUEST, ImageBody
from api.routes.common import ParticipantPath, RoomDep, ViewPath, problems
from mcu.protocol.decor import Banner, Corner, LogoPlace, LogoWidth, ViewDecor
from mcu.protocol.models import ParticipantInfo

router = APIRouter(prefix="/rooms/{room}", tags=["decor"])

CornerQuery = Annotated[Corner, Query(alias="corner", description="Where it goes.")]
WidthQuery = Annotated[LogoWidth, Query(alias="width", description="Of the canvas's width.")]

REFUSED = problems(400, 404, 413, 415, 429)
BANNERS = [{"text": "Back after the break", "countdown_to": "2026-12-24T18:00:00Z"}]


@router.get("/views/{view}/banner", operation_id="get_banner", responses=problems(404))
async def get_banner(room: RoomDep, view: ViewPath) -> Banner:
    """The banner of a view; both parts are null where it has none."""
    return await room.banner(view)


@router.put("/views/{view}/banner", operation_id="set_banner", responses=problems(400, 404, 413, 415))
async def set_banner(room: RoomDep, view: ViewPath, banner: Annotated[Banner, Body(examples=BANNERS)]) -> Banner:
    """A line of text and a countdown above everything else. At 0:00 a countdown stays for five seconds."""
    return await room.set_banner(view, banner)


@router.delete("/views/{view}/banner", status_code=204, operation_id="delete_banner", responses=problems(404))
async def delete_banner(room: RoomDep, view: ViewPath) -> None:
    """Takes banner and countdown away."""
    await room.set_banner(view, Banner())


@router.get("/views/{view}/decor", operation_id="get_decor", responses=problems(404))
async def get_decor(room: RoomDep, view: ViewPath) -> ViewDecor:
    """Which images a view wears."""
    return await room.decor(view)


@router.put(
    "/views/{view}/background-image",
    operation_id="set_background_image",
    responses=REFUSED,
    openapi_extra=IMAGE_REQUEST,
)
async def set_background_image(room: RoomDep, view: ViewPath, image: ImageBody) -> ViewDecor:
    """An image behind everybody, cut to cover the canvas: JPEG, PNG or WebP of at most 1 MiB and 16 megapixels."""
    return await room.set_background_image(view, image)


@router.delete(
    "/views/{view}/background-image",
    status_code=204,
    operation_id="delete_background_image",
    responses=problems(404),
)
async def delete_background_image(room: RoomDep, view: ViewPath) -> None:
    """Takes the image away: the background is a colour again."""
    await room.set_background_image(view, None)


@router.put("/views/{view}/logo", operation_id="set_logo", responses=REFUSED, openapi_extra=IMAGE_REQUEST)
async def set_logo(
    room: RoomDep, view: ViewPath, image: ImageBody, corner: CornerQuery = "top_right", width: WidthQuery = 0.1
) -> ViewDecor:
    """An image over everybody, in a corner: JPEG, PNG or WebP of at most 1 MiB and 16 megapixels."""
    return await room.set_logo(view, image, LogoPlace(corner=corner, width=width))


@router.delete("/views/{view}/logo", status_code=204, operation_id="delete_logo", responses=problems(404))
async def delete_logo(room: RoomDep, view: ViewPath) -> None:
    """Takes the logo away."""
    await room.set_logo(view, None)


@router.put(
    "/participants/{participant}/avatar", operation_id="set_avatar", responses=REFUSED, openapi_extra=IMAGE_REQUEST
)
async def set_avatar(room: RoomDep, participant: ParticipantPath, image: ImageBody) -> ParticipantInfo:
    """An image that stands in for a camera that is off, on a disc: its middle. Moderators set anybody's, and whoever
    joined with an identity in their token sets their own. JPEG, PNG or WebP of at most 1 MiB and 16 megapixels.
    """
    return await room.set_avatar(participant, image)


@router.delete(
    "/participants/{participant}/avatar", status_code=204, operation_id="delete_avatar", responses=problems(404)
)
async def delete_avatar(room: RoomDep, participant: ParticipantPath) -> None:
    """Initials again."""
    await room.set_avatar(participant, None)

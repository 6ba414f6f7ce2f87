"""What is asked about what a view wears, and about avatars."""

from typing import Literal

from mcu.protocol.decor import Banner, ImageFile, LogoPlace
from mcu.protocol.models import Frozen, WithBytes
from mcu.protocol.names import ParticipantId, ViewName


class GetBanner(Frozen):
    """→ ``Banner``"""

    type: Literal["get_banner"] = "get_banner"
    view: ViewName = "main"


class SetBanner(Frozen):
    """→ ``Banner``. One without text and countdown takes it away."""

    type: Literal["set_banner"] = "set_banner"
    view: ViewName = "main"
    banner: Banner


class GetDecor(Frozen):
    """→ ``ViewDecor``"""

    type: Literal["get_decor"] = "get_decor"
    view: ViewName = "main"


class SetBackgroundImage(WithBytes):
    """→ ``ViewDecor``. None takes the image away. Raises ``Unprocessable`` for one that can't be used."""

    type: Literal["set_background_image"] = "set_background_image"
    view: ViewName = "main"
    image: ImageFile | None


class SetLogo(WithBytes):
    """→ ``ViewDecor``. None takes the logo away. Raises ``Unprocessable`` for an image that can't be used."""

    type: Literal["set_logo"] = "set_logo"
    view: ViewName = "main"
    image: ImageFile | None
    place: LogoPlace = LogoPlace()


class SetAvatar(WithBytes):
    """→ ``ParticipantInfo``. None: initials again. Raises ``Unprocessable`` for an image that can't be used."""

    type: Literal["set_avatar"] = "set_avatar"
    participant: ParticipantId
    image: ImageFile | None

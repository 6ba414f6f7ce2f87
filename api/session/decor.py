"""What may be asked about what a view wears: banner, background image, logo; and avatars."""

from api.session.asking import Asking
from mcu.protocol.commands import GetBanner, GetDecor, SetAvatar, SetBackgroundImage, SetBanner, SetLogo
from mcu.protocol.decor import Banner, LogoPlace, ViewDecor
from mcu.protocol.models import ParticipantInfo


class DecorControl(Asking):
    """What is drawn around and over people. Setters raise ``Unprocessable`` for an image that can't be used."""

    async def banner(self, view: str) -> Banner:
        self.principal.require("watch", self.room)
        return await self._ask(GetBanner(view=view), Banner)

    async def set_banner(self, view: str, banner: Banner) -> Banner:
        self.principal.require("arrange", self.room)
        return await self._ask(SetBanner(view=view, banner=banner), Banner)

    async def decor(self, view: str) -> ViewDecor:
        self.principal.require("watch", self.room)
        return await self._ask(GetDecor(view=view), ViewDecor)

    async def set_background_image(self, view: str, image: bytes | None) -> ViewDecor:
        """None takes it away."""
        self.principal.require("arrange", self.room)
        return await self._ask(SetBackgroundImage(view=view, image=image), ViewDecor)

    async def set_logo(self, view: str, image: bytes | None, place: LogoPlace | None = None) -> ViewDecor:
        """None takes it away."""
        self.principal.require("arrange", self.room)
        return await self._ask(SetLogo(view=view, image=image, place=place or LogoPlace()), ViewDecor)

    async def set_avatar(self, participant: str, image: bytes | None) -> ParticipantInfo:
        """Their own is everybody's to set, whose token says who they are. None: initials again."""
        own = self.principal.identity == participant and self.principal.may("join", self.room)
        if not own:
            self.principal.require("moderate", self.room)
        return await self._ask(SetAvatar(participant=participant, image=image), ParticipantInfo)

"""What may be asked about what a view wears: its banner and countdown, its background image, its logo; and avatars."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from mcu.errors import TooMany
from mcu.media.stills import decode_avatar, decode_background, decode_logo
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.decor import Banner, LogoPlace, ViewDecor
from mcu.protocol.models import ParticipantInfo
from mcu.room.attendance import Attendance
from mcu.room.events import Events
from mcu.room.view import View
from mcu.room.views import Views
from mixer.decor import Decor, Logo

T = TypeVar("T")

MOST_WAITING = 8
"""Images of one room that are being decoded or wait for that: each takes tenths of a second."""


class Decorating:
    """Carries out the commands on decor. On the event loop. ``on_change`` is told after every change.

    Images are decoded on another thread, one at a time for each room, and put up in the order they were asked for.
    Raises TooMany when ``MOST_WAITING`` wait already.
    """

    def __init__(self, views: Views, attendance: Attendance, events: Events, *, on_change: Callable[[], None]) -> None:
        self._views = views
        self._attendance = attendance
        self._events = events
        self._on_change = on_change
        self._lock = asyncio.Lock()
        self._waiting = 0
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            c.GetBanner: self._get_banner,
            c.SetBanner: self._set_banner,
            c.GetDecor: self._get_decor,
            c.SetBackgroundImage: self._set_background_image,
            c.SetLogo: self._set_logo,
            c.SetAvatar: self._set_avatar,
        }

    async def _get_banner(self, command: c.GetBanner) -> Banner:
        return self._views.get(command.view).banner

    async def _set_banner(self, command: c.SetBanner) -> Banner:
        view = self._views.get(command.view)
        if command.banner != view.banner:
            view.banner = command.banner
            self._on_change()
            self._events.emit(e.BannerChanged(view=view.name, banner=view.banner))
        return view.banner

    async def _get_decor(self, command: c.GetDecor) -> ViewDecor:
        return _described(self._views.get(command.view).decor)

    async def _set_background_image(self, command: c.SetBackgroundImage) -> ViewDecor:
        self._views.get(command.view)
        async with self._turn():
            picture = await _off_the_loop(decode_background, command.image)
            view = self._views.get(command.view)
            return self._wear(view, replace(view.decor, background=picture))

    async def _set_logo(self, command: c.SetLogo) -> ViewDecor:
        self._views.get(command.view)
        async with self._turn():
            image = await _off_the_loop(decode_logo, command.image)
            view = self._views.get(command.view)
            logo = None if image is None else Logo(image, command.place.corner, command.place.width)
            return self._wear(view, replace(view.decor, logo=logo))

    async def _set_avatar(self, command: c.SetAvatar) -> ParticipantInfo:
        self._attendance.participant(command.participant)
        async with self._turn():
            picture = await _off_the_loop(decode_avatar, command.image)
            return self._attendance.set_avatar(command.participant, picture)

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= MOST_WAITING:
            raise TooMany("too many images at once for this room: try again", retry_after_s=1)
        self._waiting += 1
        try:
            async with self._lock:
                yield
        finally:
            self._waiting -= 1

    def _wear(self, view: View, decor: Decor) -> ViewDecor:
        view.decor = decor
        self._on_change()
        described = _described(decor)
        self._events.emit(e.DecorChanged(view=view.name, decor=described))
        return described


async def _off_the_loop(decode: Callable[[bytes], T], image: bytes | None) -> T | None:
    return None if image is None else await asyncio.to_thread(decode, image)


def _described(decor: Decor) -> ViewDecor:
    logo = decor.logo
    return ViewDecor(
        background_image=decor.background is not None,
        logo=None if logo is None else LogoPlace(corner=logo.corner, width=logo.width),
    )

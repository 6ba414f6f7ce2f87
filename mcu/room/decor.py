"""What may be asked about what a view wears: its banner and countdown."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.decor import Banner
from mcu.room.events import Events
from mcu.room.views import Views


class Decorating:
    """Carries out the commands on decor. On the event loop. ``on_change`` is told after every change."""

    def __init__(self, views: Views, events: Events, *, on_change: Callable[[], None]) -> None:
        self._views = views
        self._events = events
        self._on_change = on_change
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            c.GetBanner: self._get_banner,
            c.SetBanner: self._set_banner,
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

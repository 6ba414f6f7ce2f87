"""The layouts of a room's views: one desk for each view that has been asked about."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_args

from mcu.clock import Clock
from mcu.protocol import commands as c
from mcu.room.attendance import Attendance
from mcu.room.events import Events
from mcu.room.layout_desk import LayoutDesk
from mcu.room.view import View
from mcu.room.views import Views


class Arranging:
    """Carries out the commands on layouts. On the event loop. ``on_change`` is told after every change of a layout."""

    def __init__(
        self, clock: Clock, views: Views, attendance: Attendance, events: Events, *, on_change: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._views = views
        self._attendance = attendance
        self._events = events
        self._on_change = on_change
        self._desks: dict[View, LayoutDesk] = {}
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = dict.fromkeys(
            get_args(c.LayoutCommand), self._carry_out
        )

    def forget_gone(self) -> None:
        """What was scheduled for a view that is no more will not happen."""
        for view in self._desks.keys() - set(self._views):
            self._desks.pop(view).close()

    def close(self) -> None:
        """Idempotent."""
        for desk in self._desks.values():
            desk.close()

    async def _carry_out(self, command: c.LayoutCommand) -> c.Reply:
        return self._desk(self._views.get(command.view)).carry_out(command)

    def _desk(self, view: View) -> LayoutDesk:
        if view not in self._desks:
            self._desks[view] = LayoutDesk(
                view.name,
                view.layout,
                self._clock,
                timeline=lambda: view.composite.timeline,
                present=lambda who: who in self._attendance,
                on_change=self._on_change,
                emit=self._events.emit,
            )
        return self._desks[view]

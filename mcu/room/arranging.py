"""The layouts of a room's views: one desk for each view that has been asked about."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, get_args

import structlog

from mcu.clock import Clock
from mcu.errors import ClientFault, NotFound
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.layout import PLUGIN
from mcu.room.attendance import Attendance
from mcu.room.events import Events
from mcu.room.layout_desk import LayoutDesk
from mcu.room.plugin_run import PluginRun
from mcu.room.plugins import LayoutFunction, load_plugin
from mcu.room.view import View
from mcu.room.views import Views

log = structlog.get_logger()


class Arranging:
    """Carries out the commands on layouts. On the event loop. ``on_change`` is told after every change of a layout;
    ``from_thread`` brings calls from the picture thread to the loop.
    """

    def __init__(
        self,
        clock: Clock,
        views: Views,
        attendance: Attendance,
        events: Events,
        *,
        on_change: Callable[[], None],
        from_thread: Callable[..., None],
    ) -> None:
        self._clock = clock
        self._views = views
        self._attendance = attendance
        self._events = events
        self._on_change = on_change
        self._from_thread = from_thread
        self._plugins: dict[str, LayoutFunction] = {}
        self._desks: dict[View, LayoutDesk] = {}
        self._closed = False
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = dict.fromkeys(
            get_args(c.LayoutCommand), self._carry_out
        )

    def forget_gone(self) -> None:
        """What was scheduled for a view that is no more will not happen."""
        for view in self._desks.keys() - set(self._views):
            self._desks.pop(view).close()

    def close(self) -> None:
        """Idempotent."""
        self._closed = True
        for desk in self._desks.values():
            desk.close()

    async def _carry_out(self, command: c.LayoutCommand) -> c.Reply:
        self._views.get(command.view)
        for name in _plugins_of(command):
            try:
                self._plugins[name] = await asyncio.to_thread(load_plugin, name)
            except ClientFault as error:
                if not isinstance(command, c.RestoreLayout):
                    raise
                # It was uninstalled meanwhile: the view is a grid, as after any plug-in that failed.
                log.warning("layout_plugin_gone", view=command.view, plugin=name, error=error.message)
            if self._closed:
                raise NotFound("this room has been closed", code="no_such_room")
        return self._desk(self._views.get(command.view)).carry_out(command)

    def _changed(self, view: View) -> None:
        """A plug-in that was thrown out gets another chance with every change of the layout."""
        name = view.layout.state.layout.plugin
        function = None if name is None else self._plugins.get(name)
        if name is None or function is None:
            view.plugin = None
        else:
            view.plugin = PluginRun(
                name, function, self._clock, partial(self._from_thread, self._ejected, view.name, name)
            )
        self._on_change()

    def _ejected(self, view: str, name: str, reason: str) -> None:
        self._events.emit(e.LayoutPluginEjected(view=view, name=name, reason=reason))

    def _desk(self, view: View) -> LayoutDesk:
        if view not in self._desks:
            self._desks[view] = LayoutDesk(
                view.name,
                view.layout,
                self._clock,
                timeline=lambda: view.composite.timeline,
                present=lambda who: any(person.id == who for person in self._attendance.visible),
                on_change=lambda: self._changed(view),
                emit=self._events.emit,
            )
        return self._desks[view]


def _plugins_of(command: c.LayoutCommand) -> set[str]:
    """The plug-ins that a command asks for: one at most, but for what is restored, which may go back to others."""
    match command:
        case c.SetLayout():
            names = {command.layout.plugin}
        case c.MergeLayout():
            names = {_plugin_in(command.patch)}
        case c.RestoreLayout():
            names = {version.layout.plugin for version in command.versions}
            names |= {one.layout.plugin if one.layout else _plugin_in(one.patch or {}) for one in command.scheduled}
        case _:
            names = set()
    return {name for name in names if name is not None}


def _plugin_in(patch: Mapping[str, Any]) -> str | None:
    preset = patch.get("preset")
    return preset.removeprefix(PLUGIN) if isinstance(preset, str) and preset.startswith(PLUGIN) else None

"""Where a view's layout is asked for and changed: at once, back again, or when its time comes."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from mcu.clock import NS_PER_S, Clock
from mcu.errors import ClientFault, Unprocessable
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.merge import patched
from mcu.protocol.versions import LayoutHistory, ScheduledLayout, ScheduledLayouts
from mcu.room.layout import VersionedLayout
from mcu.room.schedule import Schedule, delay_s, wall_ns_of, wall_time
from mixer.timeline import Timeline

log = structlog.get_logger()

LOOK_S = 1.0
"""A timer looks at the wall clock at least this often, because the wall clock may be set."""

Reply = LayoutState | LayoutHistory | ScheduledLayout | ScheduledLayouts | c.Done


class LayoutDesk:
    """One view's layout, its versions and its schedule. Used on the room's event loop only.

    ``timeline()`` is the view's of this moment. ``present(id)`` says whether a participant is here. ``on_change()`` is
    called after every change, before ``emit`` tells of it.

    A time is wall time, for that is what people agree on; pictures are drawn at ticks of the room's monotonic clock.
    A change for ``at`` shows in the first picture whose tick is at ``at`` or later: it is made half a tick before that
    one, by the wall clock as it is then. What was due while the room couldn't run is made as soon as it can, in order.
    """

    def __init__(
        self,
        view: str,
        layout: VersionedLayout,
        clock: Clock,
        *,
        timeline: Callable[[], Timeline],
        present: Callable[[str], bool],
        on_change: Callable[[], None],
        emit: Callable[[e.Event], None],
    ) -> None:
        self.layout = layout
        self._view = view
        self._clock = clock
        self._timeline = timeline
        self._present = present
        self._on_change = on_change
        self._emit = emit
        self._schedule = Schedule()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def carry_out(self, command: c.LayoutCommand) -> Reply:
        """Raises LayoutChanged, Unprocessable, Conflict or NotFound."""
        match command:
            case c.GetLayout():
                return self.layout.state
            case c.SetLayout() | c.MergeLayout():
                return self._change(command)
            case c.UndoLayout():
                return self._undo(command)
            case c.GetLayoutHistory():
                return self.layout.history
            case c.ListScheduledLayouts():
                return ScheduledLayouts(scheduled=self._schedule.changes)
            case c.CancelScheduledLayout():
                self._drop(self._schedule.cancel(command.id), "cancelled")
                self._set_timer()
                return c.Done()
            case c.RestoreLayout():
                return self._restore(command)

    def close(self) -> None:
        """What is scheduled will not happen. Idempotent."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def apply_due(self) -> None:
        """Makes the changes whose time has come. Called by the desk's own timer."""
        while (change := self._schedule.take_due(self._due_wall_ns())) is not None:
            try:
                layout = change.layout or patched(self.layout.state.layout, change.patch or {})
                self._check_pinned(layout)
            except ClientFault as error:
                log.warning("scheduled_layout_dropped", view=self._view, change=change.id, error=error.message)
                self._drop(change, error.message)
            else:
                self._replace(layout, change.by, change.id)
        self._set_timer()

    def _change(self, command: c.SetLayout | c.MergeLayout) -> LayoutState | ScheduledLayout:
        self.layout.check(command.if_match)
        layout, at = self._wanted(command)
        self._check_pinned(layout)
        if at is None or wall_ns_of(at) <= self._clock.wall_ns():
            return self._replace(layout, command.by)
        if isinstance(command, c.SetLayout):
            change = self._schedule.add(at, layout=layout, by=command.by)
        else:
            change = self._schedule.add(
                at, patch={name: part for name, part in command.patch.items() if name != "at"}, by=command.by
            )
        self._emit(e.LayoutScheduled(view=self._view, change=change))
        self._set_timer()
        return change

    def _wanted(self, command: c.SetLayout | c.MergeLayout) -> tuple[Layout, datetime | None]:
        """The layout of a command, and when it shall be: kept layouts have no time of their own."""
        wanted = (
            command.layout if isinstance(command, c.SetLayout) else patched(self.layout.state.layout, command.patch)
        )
        return wanted.model_copy(update={"at": None}), wanted.at

    def _undo(self, command: c.UndoLayout) -> LayoutState:
        self.layout.check(command.if_match)
        state = self.layout.undo(self._now, by=command.by, mend=self._without_the_gone)
        self._tell(state, command.by)
        return state

    def _restore(self, command: c.RestoreLayout) -> LayoutState:
        state = self.layout.restore(command.versions)
        self._schedule.restore(command.scheduled)
        self._on_change()
        self._set_timer()
        return state

    def _replace(self, layout: Layout, by: str | None, scheduled: str | None = None) -> LayoutState:
        state = self.layout.replace(layout, self._now, by=by, scheduled=scheduled)
        self._tell(state, by, scheduled)
        return state

    def _tell(self, state: LayoutState, by: str | None, scheduled: str | None = None) -> None:
        self._on_change()
        self._emit(e.LayoutChangedEvent(view=self._view, state=state, by=by, scheduled=scheduled))

    def _drop(self, change: ScheduledLayout, reason: str) -> None:
        self._emit(e.LayoutDropped(view=self._view, change=change, reason=reason))

    def _check_pinned(self, layout: Layout) -> None:
        """A pin whose owner has left may stay, for they may come back; a new one must be somebody's."""
        if layout.pinned != self.layout.state.layout.pinned and self._pins_nobody(layout):
            raise Unprocessable(f"nobody here has the id {layout.pinned!r}", field="pinned")

    def _without_the_gone(self, layout: Layout) -> Layout:
        return layout.model_copy(update={"pinned": None}) if self._pins_nobody(layout) else layout

    def _pins_nobody(self, layout: Layout) -> bool:
        return layout.pinned is not None and not self._present(layout.pinned)

    @property
    def _now(self) -> datetime:
        return wall_time(self._clock.wall_ns())

    # The timer

    def _due_wall_ns(self) -> int:
        """The wall time of the newest tick that is less than half a tick away: what is due by then shows in it."""
        now_ns, timeline = self._clock.now_ns(), self._timeline()
        newest = timeline.canvas_tick_at(now_ns + _half_tick_ns(timeline))
        return self._clock.wall_ns() + timeline.canvas_tick_ns(newest) - now_ns

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        next_wall_ns = self._schedule.next_wall_ns
        if next_wall_ns is None or self._closed:
            return
        now_ns, timeline = self._clock.now_ns(), self._timeline()
        tick = timeline.canvas_tick_at(now_ns + next_wall_ns - self._clock.wall_ns() - 1) + 1
        wait_s = delay_s(timeline.canvas_tick_ns(tick) - _half_tick_ns(timeline), now_ns, LOOK_S)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self.apply_due)


def _half_tick_ns(timeline: Timeline) -> int:
    return NS_PER_S // timeline.fps // 2

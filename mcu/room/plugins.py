"""Layouts that others write: a Python package offers a function under the entry point group ``mcu.layouts``.

::

    [project.entry-points."mcu.layouts"]
    circle = "my_package:layout"

    def layout(context: LayoutContext) -> Iterable[Place]: ...

A view whose preset is ``plugin:circle`` calls it at every tick, on the room's picture thread. It must answer within
milliseconds and may wait for nothing: Python cannot stop a function that runs, so one that never returns stops the
pictures of its room. One that is merely slow, raises, or answers nonsense is thrown out (``PluginRun``).

Every change of its boxes is a new tile map for every client. So it changes them seldom, and leaves the way from one
place to the next to the layout's ``transition``. Of one that moves the same people more than five times a second only
so many changes are shown, and what it says in between is passed over; who comes or goes is shown at once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points

import structlog

from mcu.errors import Unprocessable
from mixer.geometry import Box, Size
from mixer.layouts.arrange import Member
from mixer.scene import Fit, TileKey

__all__ = ["Box", "LayoutContext", "LayoutFunction", "Member", "Place", "Size", "TileKey", "load_plugin"]

log = structlog.get_logger()

GROUP = "mcu.layouts"


@dataclass(frozen=True, slots=True)
class LayoutContext:
    """What a plug-in is told. ``members`` are in join order, a shared screen is a member of its own. ``time_ns`` is
    room time, for layouts that change with it. ``speaker`` is the participant id of who speaks, ``pinned`` of who is
    pinned. ``gap`` is in pixels.
    """

    canvas: Size
    members: tuple[Member, ...]
    time_ns: int
    speaker: str | None
    pinned: str | None
    gap: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where one member stands: ``box`` in pixels, inside the canvas and even in all its numbers, for chroma is stored
    for two by two pixels. Higher ``z`` is nearer. ``fit`` None: screens whole, cameras as the layout says.
    """

    member: TileKey
    box: Box
    z: int = 0
    fit: Fit | None = None


LayoutFunction = Callable[[LayoutContext], Iterable[Place]]


def load_plugin(name: str) -> LayoutFunction:
    """The function of the plug-in ``name``. Imports its package, so not on the event loop. Raises Unprocessable when
    none of that name is installed, or when it can't be imported.
    """
    installed = {one.name: one for one in entry_points(group=GROUP)}
    if name not in installed:
        names = ", ".join(sorted(installed)) or "none"
        raise Unprocessable(f"no layout plug-in {name!r} is installed; there are: {names}", field="preset")
    try:
        function = installed[name].load()
    except Exception as error:  # the boundary to code that isn't ours
        log.warning("layout_plugin_not_loaded", plugin=name, exc_info=error)
        raise Unprocessable(f"the plug-in {name!r} can't be loaded: {type(error).__name__}", field="preset") from error
    if not callable(function):
        raise Unprocessable(f"the plug-in {name!r} is not a function", field="preset")
    found: LayoutFunction = function
    return found

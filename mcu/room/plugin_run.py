"""One plug-in at work for one view: called, timed, its answer checked, and thrown out when it is no good."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from statistics import median

import structlog

from mcu.clock import NS_PER_MS, NS_PER_S, Clock
from mcu.room.plugins import Box, LayoutContext, LayoutFunction, Place, Size
from mixer.layouts.arrange import LayoutSpec, Member, tile
from mixer.scene import Fit, Scene, Tile, TileKey

log = structlog.get_logger()

USUAL_NS = 5 * NS_PER_MS
"""The median of the calls remembered may take this long: an eighth of the time between 25 pictures a second."""

LONGEST_NS = 20 * NS_PER_MS
MAX_SLOW = 3
"""So many calls longer than ``LONGEST_NS`` among those remembered are too many; fewer may be the machine's fault."""

REMEMBERED = 50
JUDGED_FROM = 15
"""A median of fewer calls says nothing: the first ones fill caches."""

DEEPEST_Z = 1000

MOST_CHANGES_HZ = 5
"""So often may a plug-in move the same people. Each change is a tile map for every client and a new goal for the
animation, which makes the way there smooth."""

_Places = tuple[tuple[TileKey, Box, int, Fit], ...]


class PluginRun:
    """The plug-in of a layout from when the layout is set until the next one is. Called on the picture thread only.

    ``on_ejected(reason)`` is called there, once, when the plug-in is thrown out; from then on there is no scene of it.
    Time is measured by the wall, as viewers do: waiting counts.
    """

    def __init__(self, name: str, function: LayoutFunction, clock: Clock, on_ejected: Callable[[str], None]) -> None:
        self.name = name
        self._function = function
        self._clock = clock
        self._on_ejected = on_ejected
        self._took_ns: deque[int] = deque(maxlen=REMEMBERED)
        self._out = False
        self._people: tuple[Size, tuple[TileKey, ...]] | None = None
        self._places: _Places = ()
        self._moved_ns = 0

    def scene(
        self,
        spec: LayoutSpec,
        members: Sequence[Member],
        canvas: Size,
        dominant: str | None,
        time_ns: int,
        layout_seq: int = 0,
    ) -> Scene | None:
        """The plug-in's scene, or None where the layout's own presets hold: while ``spec.on_screen_share`` applies, and
        once the plug-in is out. Whom it moves too soon after the last time stand where they stood.
        """
        if self._out or (spec.on_screen_share and any(member.screen for member in members)):
            return None
        started_ns = self._clock.now_ns()
        try:
            scene = plugin_scene(self._function, spec, members, canvas, dominant, time_ns, layout_seq)
        except BadPlaces as error:
            self._eject(str(error), error.__cause__)
            return None
        self._took_ns.append(self._clock.now_ns() - started_ns)
        if (reason := self._too_slow()) is not None:
            self._eject(reason)
            return None
        return self._paced(scene, spec, members, time_ns)

    def _paced(self, scene: Scene, spec: LayoutSpec, members: Sequence[Member], time_ns: int) -> Scene:
        """Who comes or goes, and another canvas, change the scene at once."""
        people = scene.canvas, tuple(member.key for member in members)
        places = tuple((one.key, one.box, one.z, one.fit) for one in scene.tiles)
        moved = places != self._places
        if moved and people == self._people and time_ns - self._moved_ns < NS_PER_S // MOST_CHANGES_HZ:
            known = {member.key: member for member in members}
            held = tuple(tile(known[key], box, spec, z=z, fit=fit) for key, box, z, fit in self._places)
            return replace(scene, tiles=held)
        if moved:
            self._moved_ns = time_ns
        self._people, self._places = people, places
        return scene

    def _too_slow(self) -> str | None:
        if sum(took_ns > LONGEST_NS for took_ns in self._took_ns) >= MAX_SLOW:
            return f"took more than {LONGEST_NS // NS_PER_MS} ms {MAX_SLOW} times"
        if len(self._took_ns) >= JUDGED_FROM and median(self._took_ns) > USUAL_NS:
            return f"takes more than {USUAL_NS // NS_PER_MS} ms as a rule"
        return None

    def _eject(self, reason: str, cause: BaseException | None = None) -> None:
        self._out = True
        log.warning("layout_plugin_ejected", plugin=self.name, reason=reason, exc_info=cause)
        self._on_ejected(reason)


class BadPlaces(ValueError):
    """A plug-in gave nothing that can be drawn; the message says what it did."""


def plugin_scene(
    function: LayoutFunction,
    spec: LayoutSpec,
    members: Sequence[Member],
    canvas: Size,
    dominant: str | None,
    time_ns: int,
    layout_seq: int = 0,
) -> Scene:
    """What a plug-in makes of this moment. Raises BadPlaces, with the cause where the plug-in itself raised."""
    context = LayoutContext(canvas, tuple(members), time_ns, dominant, spec.pinned, spec.gap)
    try:
        tiles = checked(function(context), spec, context)
    except BadPlaces:
        raise
    except (Exception, SystemExit) as error:  # the boundary to code that isn't ours
        raise BadPlaces(f"raised {type(error).__name__}") from error
    return Scene(canvas, tiles, spec.background, layout_seq)


def checked(places: Iterable[Place], spec: LayoutSpec, context: LayoutContext) -> tuple[Tile, ...]:
    """The tiles of ``places``, the nearest last. Raises BadPlaces unless everybody is known, stands once, inside the
    canvas and on even pixels.
    """
    known = {member.key: member for member in context.members}
    tiles = {}
    for place in islice(places, len(known) + 1):
        if not isinstance(place, Place):
            raise BadPlaces("answered something else than places")
        member = known.get(place.member)
        if member is None:
            raise BadPlaces("placed somebody who is not here")
        if place.member in tiles:
            raise BadPlaces("placed somebody twice")
        _check_box(place.box, context.canvas)
        if type(place.z) is not int or abs(place.z) > DEEPEST_Z or place.fit not in ("cover", "contain", None):
            raise BadPlaces(f"z is a whole number from -{DEEPEST_Z} to {DEEPEST_Z}, fit is cover, contain or None")
        tiles[place.member] = tile(member, place.box, spec, z=place.z, fit=place.fit)
    return tuple(sorted(tiles.values(), key=lambda one: one.z))


def _check_box(box: object, canvas: Size) -> None:
    if not isinstance(box, Box) or not all(type(side) is int for side in (box.x, box.y, box.width, box.height)):
        raise BadPlaces("gave a box that is not in whole pixels")
    if not box.even or box.width < 2 or box.height < 2:
        raise BadPlaces("gave a box that is not even, or empty")
    if not canvas.box.contains(box):
        raise BadPlaces("gave a box that reaches beyond the canvas")

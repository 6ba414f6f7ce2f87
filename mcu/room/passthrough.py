"""Views that show one source and nothing else: their viewers get it as it was sent, and nothing is decoded or encoded.

::

    drawn ──▶ the only source suits, and nobody moves ──▶ forwarded, from its next keyframe on
      ▲                                                        │
      └── everybody in the new picture is decoded again ◀── the layout shows more, or the source suits no more

A viewer sees what they saw until the other begins with a keyframe; their packets' numbers and times go on. Which view
of a room is in which state is judged at every change of a tile map, and a few times a second.
"""

from dataclasses import dataclass

import structlog

from mcu.chores import Chores
from mcu.clock import NS_PER_MS, Clock
from mcu.room.attendance import Attendance
from mcu.room.demand import SAME_SHAPE
from mcu.room.encoders import OutputKey
from mcu.room.forwarding import BASELINE, PictureForward
from mcu.room.forwards import Forwarding
from mcu.room.tiers import shape_for
from mcu.room.view import View
from mcu.room.views import Views
from mcu.rtc.downlink import Downlink
from mixer.geometry import Size
from mixer.scene import TileKey

HOLD_NS = 1000 * NS_PER_MS
"""How long a view must have shown the same source alone: each way costs keyframes."""
ROUSE_NS = 1500 * NS_PER_MS
"""How long the way back waits at most for people to be decoded again."""
STALLED_NS = 1000 * NS_PER_MS
"""A source that sends nothing for so long is better drawn, as somebody who is away."""


@dataclass(slots=True)
class _State:
    candidate: TileKey | None = None
    since_ns: int = 0
    forwarded: TileKey | None = None
    rousing_ns: int | None = None


class Passthrough:
    """On the event loop. ``switches`` counts the ways there."""

    def __init__(
        self, room: str, clock: Clock, views: Views, attendance: Attendance, forwarding: Forwarding, chores: Chores
    ) -> None:
        self.switches = 0
        self._log = structlog.get_logger().bind(room=room)
        self._clock = clock
        self._views = views
        self._attendance = attendance
        self._forwarding = forwarding
        self._chores = chores
        self._states: dict[str, _State] = {}

    def look(self) -> None:
        """Cheap enough for every change."""
        now_ns = self._clock.now_ns()
        views = tuple(self._views)
        self._states = {view.name: self._states.get(view.name) or _State() for view in views}
        for view in views:
            self._look(view, self._states[view.name], now_ns)

    def _look(self, view: View, state: _State, now_ns: int) -> None:
        composite, outputs = view.composite, view.outputs
        sole = composite.sole if view.spec.passthrough else None
        if sole != state.candidate:
            state.candidate, state.since_ns = sole, now_ns
        forward = self._suiting(view, sole, now_ns)
        if forward is not None and sole is not None:
            settled = composite.settled and now_ns - state.since_ns >= HOLD_NS
            if state.forwarded is not None or settled:
                self._pass(view, state, sole, forward)
        elif state.forwarded is not None:
            self._return(view, state, now_ns)
        composite.spares_decoding = self._forwarding.everybody or state.forwarded is not None
        keys = outputs.settle()
        if keys:
            self._chores.start(outputs.close_unused(keys))

    def _suiting(self, view: View, sole: TileKey | None, now_ns: int) -> PictureForward | None:
        """The source, when its pictures may stand for the whole canvas."""
        forward = self._forwarding.find(sole) if sole is not None else None
        if forward is None or forward.format is None or forward.fanout is None or forward.arrived_ns is None:
            return None
        size, canvas = forward.format.size, Size(view.spec.width, view.spec.height)
        across, down = size.width * canvas.height, size.height * canvas.width
        if now_ns - forward.arrived_ns > STALLED_NS or abs(across - down) > SAME_SHAPE * max(across, down):
            return None
        return forward

    def _pass(self, view: View, state: _State, sole: TileKey, forward: PictureForward) -> None:
        outputs = view.outputs
        any_passed = False
        for downlink in outputs.downlinks:
            if _takes(view, outputs.watched(downlink), downlink, forward) and outputs.pass_through(downlink, forward):
                any_passed = True
            else:
                outputs.take_back(downlink)
        if any_passed and state.forwarded != sole:
            self.switches += 1
            self._log.info("view_forwarded", view=view.name, participant=sole.participant, source=sole.source)
        state.forwarded, state.rousing_ns = sole if any_passed else None, None
        view.composite.rousing = False

    def _return(self, view: View, state: _State, now_ns: int) -> None:
        if state.rousing_ns is None:
            state.rousing_ns = now_ns
            view.composite.rousing = True
        if not self._awake(view, now_ns) and now_ns - state.rousing_ns < ROUSE_NS and view.outputs.passed:
            return
        for downlink in view.outputs.downlinks:
            view.outputs.take_back(downlink)
        view.composite.rousing = False
        state.forwarded = state.rousing_ns = None
        self._log.info("view_drawn", view=view.name)

    def _awake(self, view: View, now_ns: int) -> bool:
        """Whether everybody in the picture to come is decoded who sends anything."""
        people = {person.id: person for person in self._attendance.people}
        for tile in view.composite.placed:
            person = people.get(tile.key.participant)
            forward = self._forwarding.find(tile.key)
            if person is None or forward is None or forward.arrived_ns is None or not forward.open:
                continue
            decoding = person.decodings[tile.key.source]
            if now_ns - forward.arrived_ns < STALLED_NS and (decoding.parked or decoding.latest.peek() is None):
                return False
        return True


def _takes(view: View, key: OutputKey, downlink: Downlink, forward: PictureForward) -> bool:
    """Whether a viewer may get this source in place of what is encoded for them."""
    known, shape = forward.format, shape_for(view.spec, key.tier)
    if known is None or downlink.video is None or not downlink.video.takes(known.codec):
        return False
    fits = known.size.width <= shape.size.width and known.size.height <= shape.size.height
    return fits and known.profile in BASELINE

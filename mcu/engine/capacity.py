"""Whether more people would fit: arithmetic on what people cost and on what is in use.

What a machine can bear is only known once it was calibrated (``mcu bench calibrate``), so the rule is: **who asks gets
an estimate, and nobody is refused for one**. Joins are refused only where ``limits.max_load`` is set, and without costs
that were measured here only when the processor time in use has already reached it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mcu.protocol.load import Capacity
from mcu.protocol.models import RoomInfo, ViewSpec

VISIBLE: Final = 16
"""So many people a view shows at most, as layouts have it by default."""
USUAL_RATE: Final = 1280 * 720 * 25
"""Pixels a second of the view that costs are about."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one core: ``view``, 1280×720@25 composed and encoded once; ``seen``, a camera of a tile's size decoded;
    ``person``, the packets of one connection both ways, without the codecs. The defaults are of a slow virtual core.
    """

    view: float = 0.30
    seen: float = 0.012
    person: float = 0.004


@dataclass(frozen=True, slots=True)
class Machine:
    """``cores`` that the server, or one process of it, may use, and how many of them were busy with it over the last
    second.
    """

    cores: float
    busy: float


@dataclass(frozen=True, slots=True)
class Place:
    """A process that rooms run in, and stay in: what it has left is of no use to a room in another one."""

    busy: float
    rooms: tuple[RoomInfo, ...]


def needed(costs: Costs, participants: int, *, height: int, fps: int = 25, joining: bool = False) -> float:
    """Cores for so many more: in a room of their own, of that height, or ``joining`` one that is open."""
    rate = height * 16 // 9 * height * fps
    view = 0.0 if joining else costs.view * rate / USUAL_RATE
    return view + costs.seen * min(VISIBLE, participants) + costs.person * participants


def added(costs: Costs, room: RoomInfo, participants: int, *, seen: bool = True) -> float:
    """Cores for so many more in this very room. Not ``seen``: they only watch."""
    before = min(VISIBLE, room.participants)
    after = min(VISIBLE, room.participants + participants) if seen else before
    views = 0.0 if room.participants else sum(costs.view * _rate(view) / USUAL_RATE for view in room.views)
    return views + costs.seen * (after - before) + costs.person * participants


def share_of(cores: int, places: int) -> float:
    """Of the machine's cores, what one of so many processes may use: at least one, all of them where it is alone."""
    return max(1.0, cores / max(1, places))


def expected(costs: Costs, rooms: Sequence[RoomInfo]) -> float:
    """Cores that these rooms take when everybody in them sends: those who have just come don't do so yet."""
    return sum(
        sum(costs.view * _rate(view) / USUAL_RATE for view in room.views)
        + costs.seen * min(VISIBLE, room.participants)
        + costs.person * room.participants
        for room in rooms
        if room.participants
    )


def judge(
    machine: Machine,
    rooms: Sequence[RoomInfo],
    need: float,
    participants: int,
    costs: Costs | None,
    max_load: float | None,
    held: float = 0.0,
) -> Capacity:
    """``costs`` None: nothing is known of this machine. ``need``: by ``needed``, from the costs or their defaults.
    ``held``: cores that were promised to people who are on their way.
    """
    usable = machine.cores * (1.0 if max_load is None else max_load)
    busy = held + (machine.busy if costs is None else max(machine.busy, expected(costs, rooms)))
    free = max(0.0, usable - busy)
    reasons = [
        f"{busy:.2f} of {machine.cores:g} cores are in use or spoken for, {usable:.2f} may be",
        f"{participants} more are expected to take {need:.2f}",
    ]
    if costs is None:
        reasons.append("what people cost on this machine is not known: run `mcu bench calibrate`")
    if max_load is None:
        reasons.append("nobody is refused: limits.max_load is not set")
    return Capacity(
        fits=need <= free,
        participants=participants,
        cores_needed=round(need, 3),
        cores_free=round(free, 3),
        cores_usable=round(usable, 3),
        enforced=max_load is not None,
        calibrated=costs is not None,
        reasons=tuple(reasons),
    )


def both(whole: Capacity, place: Capacity, where: str) -> Capacity:
    """What fits has to fit the machine and one process of it. ``where`` names the process in a reason."""
    return whole.model_copy(
        update={
            "fits": whole.fits and place.fits,
            "cores_free": min(whole.cores_free, place.cores_free),
            "reasons": (*whole.reasons[:2], f"{where}: {place.reasons[0]}", *whole.reasons[2:]),
        }
    )


def refused(machine: Machine, found: Capacity) -> bool:
    """Whether somebody is turned away, which needs a bound and certainty: a measured cost, or a load that is there."""
    if not found.enforced:
        return False
    return not found.fits if found.calibrated else machine.busy >= found.cores_usable


def _rate(view: ViewSpec) -> int:
    return view.width * view.height * view.fps

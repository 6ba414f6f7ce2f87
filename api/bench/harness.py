"""How a bench measures: in rounds that go through ours and every baseline in turn, compared within each round.

A machine that others use as well is fast in one second and slow in the next. What is measured right after each other
meets the same weather, so a ratio is taken within a round and the median over the rounds is told.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np

T = TypeVar("T")

Work = Callable[[], float]
"""Does a piece of work once and says what it cost, in the unit of its case."""

QUICK_S: Final = 45.0
"""The longest a quick bench may take, preparations included."""
USUAL_S: Final = 50.0
"""The same for one in rounds where nothing else is said: all benches together take a quarter of an hour."""
PLANNED_SHARE: Final = 0.8
"""What of it is planned for: the last round may turn out slower than those before it."""


class BenchFailed(Exception):
    """The bench itself went wrong: there is nothing to report."""


class NotHere(Exception):
    """What a bench measures is not installed here: it is left out, and that is told."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands for the work of a baseline that can't be run here, and says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """What ours is compared with. ``target`` is the ratio of ours to it: at most that, or with ``at_least`` not less.
    None: for information.
    """

    name: str
    target: float | None = None
    at_least: bool = False

    def met(self, ratio: float) -> bool | None:
        if self.target is None:
            return None
        return ratio >= self.target if self.at_least else ratio <= self.target


@dataclass(frozen=True, slots=True)
class Case:
    """One line of work. ``warm`` runs everything once beforehand and forgets the result; ``once`` is for what comes
    out the same each time. Without ``baselines`` a case only informs.
    """

    name: str
    unit: str
    ours: Work
    baselines: Mapping[Baseline, Work | Missing] = field(default_factory=lambda: MappingProxyType({}))
    warm: bool = True
    once: bool = False


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured. Benches stop when their time is up, and quick ones, which have less, prepare less material.
    With ``full`` all rounds are measured, and those that wait for clocks to run apart take the time that their target
    names. ``only``: cases whose names begin so.
    """

    quick: bool = False
    full: bool = False
    rounds: int = 7
    only: str = ""

    def wants(self, case: str) -> bool:
        return case.startswith(self.only)


def once(measure: Callable[[], T]) -> Callable[[], T]:
    """Measures when it is first asked, and remembers: for rows that are read off one run."""
    kept: list[T] = []

    def ask() -> T:
        if not kept:
            kept.append(measure())
        return kept[0]

    return ask


def percentiles(
    names: tuple[str, str], measure: Callable[[], Sequence[float]], median: Baseline, tail: Baseline, floor_ms: float
) -> list[Case]:
    """Half and 95 of a hundred of what one measuring brought, in milliseconds, each against the same floor."""

    def share(percent: float) -> float:
        return float(np.percentile(measure(), percent))

    return [
        Case(names[0], "ms", partial(share, 50), {median: lambda: floor_ms}, warm=False, once=True),
        Case(names[1], "ms", partial(share, 95), {tail: lambda: floor_ms}, warm=False, once=True),
    ]


@dataclass(frozen=True, slots=True)
class Bench:
    """A bench: its ``name``, the ``work`` in a line, what it names (``cases``, ``baselines`` with their targets), and
    ``prepare``, which makes the cases. What must be undone afterwards, ``prepare`` leaves with the stack.
    """

    name: str
    work: str
    cases: tuple[str, ...]
    baselines: tuple[Baseline, ...]
    prepare: Callable[[ExitStack, Effort], Sequence[Case]]


@dataclass(frozen=True, slots=True)
class Result:
    """One row. ``value`` is the median over the rounds, ``spread`` the whole range of it in relation to the median,
    ``ratio`` ours to the baseline's. ``met`` is None where there is no target or the baseline could not be run.
    """

    case: str
    value: float
    unit: str
    baseline: str | None = None
    ratio: float | None = None
    target: float | None = None
    met: bool | None = None
    spread: float = 0.0


def run(bench: Bench, effort: Effort) -> list[Result]:
    """Measures the cases of a bench that are wanted. Whatever it raises comes through, after it has been undone."""
    began_s = time.monotonic()
    with ExitStack() as stack:
        cases = [case for case in bench.prepare(stack, effort) if effort.wants(case.name)]
        results: list[Result] = []
        for number, case in enumerate(cases):
            until_s = None
            if not effort.full:
                now_s = time.monotonic()
                planned_s = PLANNED_SHARE * (QUICK_S if effort.quick else USUAL_S)
                left_s = max(0.0, began_s + planned_s - now_s)
                to_come = sum(not other.once for other in cases[number:])
                until_s = now_s + left_s / max(1, to_come)
            results += measure(case, effort.rounds, until_s)
        return results


def measure(case: Case, rounds: int, until_s: float | None = None) -> list[Result]:
    """The rows of a case: one for each baseline, or a single one without. At least one round is measured, and with
    ``until_s`` (monotonic) no further one that would end after it.
    """
    here = {baseline: work for baseline, work in case.baselines.items() if not isinstance(work, Missing)}
    if case.warm:
        for work in (case.ours, *here.values()):
            work()
    ours: list[float] = []
    ratios: dict[Baseline, list[float]] = {baseline: [] for baseline in here}
    for number in range(1 if case.once else rounds):
        began_s = time.monotonic()
        # Every other round goes through them backwards, so that none always follows the same one.
        order: Iterable[tuple[Baseline | None, Work]] = [(None, case.ours), *here.items()]
        costs = {who: work() for who, work in (reversed(list(order)) if number % 2 else order)}
        ours.append(costs[None])
        for baseline, seen in ratios.items():
            seen.append(_ratio(case, costs[None], costs[baseline]))
        now_s = time.monotonic()
        if until_s is not None and now_s + (now_s - began_s) > until_s:
            break
    return _rows(case, ours, ratios)


def _ratio(case: Case, ours: float, theirs: float) -> float:
    if theirs <= 0:
        raise BenchFailed(f"{case.name}: the baseline cost nothing, which can't be")
    return ours / theirs


def _rows(case: Case, ours: list[float], ratios: Mapping[Baseline, list[float]]) -> list[Result]:
    value = statistics.median(ours)
    spread = (max(ours) - min(ours)) / value if value else 0.0
    if not case.baselines:
        return [Result(case.name, value, case.unit, spread=spread)]
    rows = []
    for baseline, work in case.baselines.items():
        if isinstance(work, Missing):
            name = f"{baseline.name} ({work.reason})"
            rows.append(Result(case.name, value, case.unit, name, target=baseline.target, spread=spread))
            continue
        ratio = statistics.median(ratios[baseline])
        met = baseline.met(ratio)
        rows.append(Result(case.name, value, case.unit, baseline.name, ratio, baseline.target, met, spread))
    return rows

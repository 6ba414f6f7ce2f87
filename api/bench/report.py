"""What a bench found, for people and for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.table import Table

from api.bench.harness import Baseline, Bench, Result

WORDS = {True: "yes", False: "no", None: ""}
MARKS = {"yes": "[green]yes[/]", "no": "[red]no[/]", "": ""}


@dataclass(frozen=True, slots=True)
class Report:
    """One run of one bench. ``machine`` and ``versions`` say what the figures hold for."""

    name: str
    machine: Mapping[str, object]
    versions: Mapping[str, str]
    results: Sequence[Result]

    def to_json(self) -> str:
        """One object on one line. ``target`` is compared with ``ratio``; figures are not rounded."""
        return json.dumps(
            {
                "name": self.name,
                "machine": dict(self.machine),
                "versions": dict(self.versions),
                "results": [asdict(result) for result in self.results],
            },
            ensure_ascii=False,
        )


def table_of(report: Report, bench: Bench) -> Table:
    """The rows for a terminal, a target with the direction it is meant in."""
    table = Table(title=f"{bench.name}: {bench.work}", title_justify="left", title_style="bold")
    for heading in ("case", "value", "unit", "beside", "ratio", "target", "met", "spread"):
        table.add_column(heading, justify="right" if heading in ("value", "ratio", "target", "spread") else "left")
    for *cells, met, spread in rows_of(report, bench):
        table.add_row(*cells, MARKS[met], spread)
    return table


def rows_of(report: Report, bench: Bench) -> list[tuple[str, str, str, str, str, str, str, str]]:
    """Every row in words: case (empty where it is that of the row above), value, unit, what is beside it, ratio,
    target with the direction it is meant in, whether it was met, spread.
    """
    directions = {baseline.name: baseline for baseline in bench.baselines}
    rows = []
    before = None
    for result in report.results:
        rows.append(
            (
                "" if result.case == before else result.case,
                f"{result.value:,.0f}" if abs(result.value) >= 10_000 else f"{result.value:.4g}",
                result.unit,
                result.baseline or "",
                "" if result.ratio is None else f"{result.ratio:.3g}",
                _target(result, directions),
                WORDS[result.met],
                f"{result.spread:.0%}" if result.spread else "",
            )
        )
        before = result.case
    return rows


def catalogue(benches: Sequence[Bench]) -> Table:
    """What there is to run."""
    table = Table("name", "work", "cases", "beside", "target")
    for bench in benches:
        table.add_row(
            bench.name,
            bench.work,
            "\n".join(bench.cases),
            "\n".join(baseline.name for baseline in bench.baselines),
            "\n".join("" if one.target is None else _sign(one) + f"{one.target:g} ×" for one in bench.baselines),
        )
    return table


def environment(report: Report) -> str:
    """Machine and versions in two lines."""
    facts = (report.machine, report.versions)
    return "\n".join(", ".join(f"{name} {value}" for name, value in part.items()) for part in facts)


def _target(result: Result, directions: Mapping[str, Baseline]) -> str:
    if result.target is None:
        return ""
    baseline = directions.get((result.baseline or "").partition(" (")[0])
    return ("" if baseline is None else _sign(baseline)) + f"{result.target:g}"


def _sign(baseline: Baseline) -> str:
    return "≥ " if baseline.at_least else "≤ "

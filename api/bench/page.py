"""Results on a page of Markdown: each bench's table has a place of its own, between two comments, and the words around
it stay. So a page that explains figures is brought up to date by running the benches again.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from api.bench.harness import Bench
from api.bench.report import Report, rows_of

HEADINGS: Final = ("case", "ours", "beside", "ratio", "target", "met", "spread")
MACHINE: Final = "machine"
_NUMBER_COLUMNS: Final = ("ratio", "spread")


def section(report: Report, bench: Bench, took_s: float) -> str:
    """A bench's table, with the load it was measured at and how long it took."""
    rules = ["---:" if heading in _NUMBER_COLUMNS else "---" for heading in HEADINGS]
    lines = [_row(HEADINGS), _row(rules)]
    for cells in rows_of(report, bench):
        case, value, unit, beside, ratio, target, met, spread = (cell.replace("|", "\\|") for cell in cells)
        lines.append(_row((case, f"{value} {unit}", beside, ratio, target, met, spread)))
    machine = report.machine
    lines += ["", f"Load {machine['load_1min']} before, {machine['load_1min_after']} after; {took_s:.0f} s."]
    return "\n".join(lines)


def surroundings(machine: Mapping[str, object], versions: Mapping[str, str]) -> str:
    """Machine and versions, one line each."""
    fixed = {name: value for name, value in machine.items() if not name.startswith("load")}
    parts = (", ".join(f"{name} {value}" for name, value in part.items()) for part in (fixed, versions))
    return "\n\n".join(f"{part}." for part in parts)


def put(path: Path, name: str, text: str) -> None:
    """Writes ``text`` where the page keeps ``name``, or at its end where it has no place for it yet. The page is made
    when there is none. Raises ``OSError``.
    """
    begin, end = f"<!-- bench {name} -->", "<!-- end of bench -->"
    block = f"{begin}\n\n{text}\n\n{end}"
    page = path.read_text() if path.exists() else ""
    place = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if place.search(page):
        page = place.sub(lambda _: block, page, count=1)
    else:
        heading = "" if name == MACHINE else f"### {name}\n\n"
        page = f"{page.rstrip()}\n\n{heading}{block}\n".lstrip()
    path.write_text(page)


def _row(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"

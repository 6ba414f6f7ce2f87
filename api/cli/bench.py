"""``mcu bench``: what the server costs on this machine, beside what others cost."""

import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.options import fail

if TYPE_CHECKING:
    from api.bench.harness import Effort


def bench(
    name: Annotated[str | None, typer.Argument(help="One of --list, or `all`.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One object a bench, one line each, and nothing else.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Shorter and noisier: at most 45 s a bench.")] = False,
    full: Annotated[bool, typer.Option("--full", help="As long as the targets say: `sync` takes ten minutes.")] = False,
    markdown: Annotated[
        Path | None,
        typer.Option(help="A page whose tables are brought up to date, such as BENCHMARKS.md; made where it isn't."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Names what there is, and runs nothing.")] = False,
    case: Annotated[str, typer.Option(help="Only the cases whose names begin so: `--case '100 people'`.")] = "",
) -> None:
    """Measures processor time, with a baseline in the same run.

    Ends with 0 whether or not a target is met, with 1 when a bench itself failed.
    """
    from rich.console import Console

    from api.bench import harness, registry
    from api.bench.report import catalogue

    if listed:
        Console().print(catalogue([registry.load(known) for known in registry.NAMES]))
        return
    if name is None or name not in (*registry.NAMES, "all"):
        fail(f"which bench? one of {', '.join(registry.NAMES)}, or all")
    if markdown is not None and not markdown.parent.is_dir():
        fail(f"{markdown.parent}: no such folder")
    chosen = [one for one in registry.NAMES if one not in registry.ASIDE] if name == "all" else [name]
    if case and name != "all" and not any(one.startswith(case) for one in registry.load(name).cases):
        fail(f"no case of {name} begins with {case!r}: mcu bench --list names them")
    began_s = time.monotonic()
    effort = harness.Effort(quick=quick, full=full, only=case)
    succeeded = [_run(one, effort, as_json=as_json, markdown=markdown) for one in chosen]
    if len(chosen) > 1:
        Console(stderr=True).print(f"All of it took {time.monotonic() - began_s:.0f} s.", style="dim")
    raise typer.Exit(0 if all(succeeded) else 1)


def _run(name: str, effort: "Effort", *, as_json: bool, markdown: Path | None) -> bool:
    """Runs one bench and prints what it found; False when it failed."""
    from rich.console import Console

    from api.bench import harness, machine, page, registry
    from api.bench.report import Report, environment, table_of

    aside = Console(stderr=True)
    if machine.busy():
        aside.print(
            f"The machine is busy (load {machine.load_1min()}): trust the ratios, not the times.", style="yellow"
        )
    began_s = time.monotonic()
    try:
        bench = registry.load(name)
        facts = machine.facts()
        results = harness.run(bench, effort)
        facts["load_1min_after"] = machine.load_1min()
        report = Report(name, facts, machine.versions(), results)
    except harness.NotHere as reason:
        aside.print(f"bench {name} is left out: {reason}", style="yellow", markup=False)
        return True
    except Exception as error:  # the boundary: whatever goes wrong in a bench is told, and the next one runs
        aside.print("".join(traceback.format_exception(error)), markup=False, highlight=False)
        aside.print(f"bench {name} failed: {error}", style="red", markup=False)
        return False
    took_s = time.monotonic() - began_s
    if markdown is not None:
        page.put(markdown, page.MACHINE, page.surroundings(report.machine, report.versions))
        page.put(markdown, name, page.section(report, bench, took_s))
    if as_json:
        typer.echo(report.to_json())
    else:
        console = Console()
        console.print(table_of(report, bench))
        console.print(f"{environment(report)}\nIt took {took_s:.0f} s.", style="dim", highlight=False)
        if name == "calibrate":
            from api.bench.calibrate import settings_of

            console.print(f"For mcu.toml:\n\n{settings_of(results)}", markup=False, highlight=False)
    return True

"""``mcu bench``: what the server costs on this machine, beside what others cost."""

import traceback
from typing import Annotated

import typer

from api.cli.options import fail


def bench(
    name: Annotated[str | None, typer.Argument(help="One of --list, or `all`.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One object a bench, one line each, and nothing else.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Shorter and noisier: at most 45 s a bench.")] = False,
    full: Annotated[bool, typer.Option("--full", help="As long as the targets say: `sync` takes ten minutes.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Names what there is, and runs nothing.")] = False,
) -> None:
    """Measures processor time, with a baseline in the same run.

    Ends with 0 whether or not a target is met, with 1 when a bench itself failed.
    """
    from rich.console import Console

    from api.bench import registry
    from api.bench.report import catalogue

    if listed:
        Console().print(catalogue([registry.load(known) for known in registry.NAMES]))
        return
    if name is None or name not in (*registry.NAMES, "all"):
        fail(f"which bench? one of {', '.join(registry.NAMES)}, or all")
    chosen = [one for one in registry.NAMES if one not in registry.ASIDE] if name == "all" else [name]
    succeeded = [_run(one, quick=quick, full=full, as_json=as_json) for one in chosen]
    raise typer.Exit(0 if all(succeeded) else 1)


def _run(name: str, *, quick: bool, full: bool, as_json: bool) -> bool:
    """Runs one bench and prints what it found; False when it failed."""
    from rich.console import Console

    from api.bench import harness, machine, registry
    from api.bench.report import Report, environment, table_of

    aside = Console(stderr=True)
    if machine.busy():
        aside.print(
            f"The machine is busy (load {machine.load_1min()}): trust the ratios, not the times.", style="yellow"
        )
    try:
        bench = registry.load(name)
        facts = machine.facts()
        results = harness.run(bench, harness.Effort(quick=quick, full=full))
        facts["load_1min_after"] = machine.load_1min()
        report = Report(name, facts, machine.versions(), results)
    except harness.NotHere as reason:
        aside.print(f"bench {name} is left out: {reason}", style="yellow", markup=False)
        return True
    except Exception as error:  # the boundary: whatever goes wrong in a bench is told, and the next one runs
        aside.print("".join(traceback.format_exception(error)), markup=False, highlight=False)
        aside.print(f"bench {name} failed: {error}", style="red", markup=False)
        return False
    if as_json:
        typer.echo(report.to_json())
    else:
        console = Console()
        console.print(table_of(report, bench))
        console.print(environment(report), style="dim", highlight=False)
        if name == "calibrate":
            from api.bench.calibrate import settings_of

            console.print(f"For mcu.toml:\n\n{settings_of(results)}", markup=False, highlight=False)
    return True

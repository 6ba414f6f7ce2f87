"""``mcu doctor``: whether the server can run here with its settings, and what to do where it can't."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.options import Config, read_settings

if TYPE_CHECKING:
    from api.doctor import Check

MARKS = {"ok": ("ok", "green"), "warning": ("!!", "yellow"), "failure": ("no", "red")}


def doctor(
    host: Annotated[str | None, typer.Option(help="As if the server listened there.")] = None,
    port: Annotated[int | None, typer.Option(help="As if on that port.", min=0, max=65535)] = None,
    config: Config = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="As `mcu serve` takes it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Check ports, addresses, TURN, codecs, fonts, directories and access; change nothing.

    Exit codes: 0 the server can run (warnings may stand); 1 something keeps it from working; 2 the settings are wrong.
    """
    settings = read_settings(config, host=host, port=port, insecure=insecure or None)
    from api.doctor import examine

    checks = asyncio.run(examine(settings))
    works = all(check.outcome != "failure" for check in checks)
    if as_json:
        import json

        report = {"ok": works, "checks": [check.model_dump() for check in checks]}
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        _print(checks)
    raise typer.Exit(0 if works else 1)


def _print(checks: "list[Check]") -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        mark, colour = MARKS[check.outcome]
        typer.secho(f"{mark}  {check.name:<{width}}  {check.found}", fg=colour if check.outcome != "ok" else None)
        if check.advice:
            typer.echo(f"    {'':<{width}}  → {check.advice}")

"""``mcu version``."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

import typer


def version() -> None:
    """Prints the version."""
    try:
        typer.echo(installed("mosaic-mcu"))
    except PackageNotFoundError:
        typer.echo("0.0.0 (not installed)")

"""What several commands need of the settings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from api.settings import Settings

Config = Annotated[Path | None, typer.Option("--config", "-c", help="A TOML file; mcu.toml where there is one.")]


def read_settings(config: Path | None, **overrides: Any) -> "Settings":
    """The settings, or an end with status 2 and a line that says what is wrong."""
    from api.loading import SettingsError, load_settings

    try:
        return load_settings(config, **{key: value for key, value in overrides.items() if value is not None})
    except SettingsError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    typer.secho(message, err=True, fg=typer.colors.RED)
    raise typer.Exit(2)

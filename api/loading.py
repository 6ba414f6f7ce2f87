"""Settings read from where they stand, and what is said when they can't be used."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from api.settings import Settings

DEFAULT_CONFIG = Path("mcu.toml")


class SettingsError(ValueError):
    """The settings can't be used; the message says which, why and what to write instead. Holds no secret."""


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """Reads ``config`` (``mcu.toml`` of the working directory where None is given and it exists), the environment and
    ``overrides``. Raises ``SettingsError``.
    """
    if config is not None and not config.is_file():
        raise SettingsError(f"{config}: no such file")
    path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return FromFile(**overrides)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(detail) for detail in error.errors(include_input=False))) from None
    except ValueError as error:  # pydantic-settings: an environment variable that isn't JSON where it must be
        raise SettingsError(str(error)) from None


def _explain(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message

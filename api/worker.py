"""What a worker process of ``mcu serve`` runs: rooms, with the server's log. Started by ``mcu.engine.process``."""

import importlib
import sys

from mcu.engine.warming import gently

SPARE = 0


def main(log_format: str, log_level: str, number: str, descriptor: str) -> int:
    """The process's whole life; its exit code. A spare (number 0) loads what it will need at low priority."""
    if int(number) == SPARE:
        gently(_load)
    from api.logs import configure_logging
    from api.server import loop_factory
    from api.settings import LogSettings

    configure_logging(LogSettings.model_validate({"format": log_format, "level": log_level}))
    from mcu.engine.worker import run

    return run(int(number), int(descriptor), loop_factory())


def _load() -> None:
    for module in ("api.logs", "api.server", "api.settings", "mcu.engine.worker"):
        importlib.import_module(module)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

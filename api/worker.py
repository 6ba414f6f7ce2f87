"""What a worker process of ``mcu serve`` runs: rooms, with the server's log. Started by ``mcu.engine.process``."""

import sys

from api.logs import configure_logging
from api.server import loop_factory
from api.settings import LogSettings


def main(log_format: str, log_level: str, number: str, descriptor: str) -> int:
    """The process's whole life; its exit code."""
    configure_logging(LogSettings.model_validate({"format": log_format, "level": log_level}))
    from mcu.engine.worker import run

    return run(int(number), int(descriptor), loop_factory())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""A PostgreSQL of the tests' own: a fresh cluster in a temporary folder, on a free port of the loopback.

Where Debian's ``postgresql`` is not installed the test is skipped with the reason, except in CI, where it fails.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.kit.eventually import eventually
from tests.kit.programs import require_program
from tests.kit.server import free_port

USER = "postgres"
START_S = 60.0
STOP_S = 15.0


def program(name: str) -> str:
    """Skips the calling test where PostgreSQL isn't installed; in CI (``CI=true``) it fails instead."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    searched = os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])
    return require_program(name, "postgresql", folders=searched)


class Postgres:
    """``url`` is its database. ``stop`` and ``start`` make it fail and come back."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"postgresql://{USER}@127.0.0.1:{self.port}/{USER}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        # It refuses to run as root.
        self._as: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(folder, USER, USER)
        initdb = [program("initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", USER, "--no-sync", "-E", "UTF8"]
        subprocess.run(
            [*initdb, "--locale=C"], check=True, capture_output=True, timeout=START_S, cwd=folder, **self._as
        )

    def start(self) -> None:
        """Returns when it answers. Idempotent."""
        if self._process is not None:
            return
        options = ["-p", str(self.port), "-k", str(self._folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with (self._folder / "log").open("ab") as output:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", str(self._folder / "data"), *options],
                stdout=output,
                stderr=output,
                cwd=self._folder,
                **self._as,
            )
        eventually(self._ready, START_S)

    def stop(self) -> None:
        """Ends every connection. Idempotent."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_S)
            self._process = None

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text(errors="replace")
        asked = subprocess.run(
            [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False, timeout=STOP_S
        )
        return asked.returncode == 0


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server that answers, gone with all it held afterwards."""
    program("initdb")
    with tempfile.TemporaryDirectory(prefix="mcu-postgres-", ignore_cleanup_errors=True) as name:
        server = Postgres(Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()

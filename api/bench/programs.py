"""Other programs, run and measured: their processor time is what the kernel counted for them."""

import os
import resource
import shutil
import subprocess
from typing import Final

from api.bench.harness import BenchFailed

PATIENCE_S: Final = 120.0
"""More than any of them takes on a slow machine: who is not done by then hangs."""


def installed(program: str) -> bool:
    return shutil.which(program) is not None


def said_by(program: str, *arguments: str) -> str:
    """What a program prints. Raises ``BenchFailed`` when it fails or hangs."""
    return _run(program, *arguments).stdout.strip()


def succeeds(program: str, *arguments: str) -> bool:
    return installed(program) and _finished(program, *arguments).returncode == 0


def cpu_s(program: str, *arguments: str) -> float:
    """Runs a program to its end; user and system time of it and of all its threads. No two at once."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(program, *arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = _finished(program, *arguments)
    if done.returncode:
        last_words = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise BenchFailed(f"{program} ended with {done.returncode}: {last_words}")
    return done


def _finished(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Its messages are compared and read: in the one language that everybody gets.
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchFailed(f"{program}: {error}") from error

"""What a process and its children take of the machine, from the outside (proc(5))."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api.bench.harness import BenchFailed

_PROC: Final = Path("/proc")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class ThreadTimes:
    """One thread so far: its time on a processor, and the time it was ready and waited for one."""

    name: str
    main: bool
    cpu_s: float
    waited_s: float


def threads(pid: int) -> Iterator[ThreadTimes]:
    """The threads of a process that are alive now, by the names the system knows. Raises ``BenchFailed`` when the
    process has ended.
    """
    try:
        folders = [*(_PROC / str(pid) / "task").iterdir()]
    except OSError as error:
        raise BenchFailed(f"process {pid} can't be measured: {error}") from error
    for folder in folders:
        try:
            name = (folder / "comm").read_text().strip()
            ran_ns, waited_ns, _ = (folder / "schedstat").read_text().split()
        except OSError:
            continue  # it ended while we looked
        yield ThreadTimes(name, folder.name == str(pid), int(ran_ns) / 1e9, int(waited_ns) / 1e9)


def family(pid: int) -> list[int]:
    """A process and its descendants, itself first."""
    parents = dict(_parents())
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def stop(process: subprocess.Popen[Any], patience_s: float) -> None:
    """Ends a process of ours: asks it, and after a while doesn't ask any more."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(patience_s)


def named(part: str) -> int:
    """The oldest process with this in its command line. Raises ``BenchFailed`` when there is none."""
    found = [pid for pid, _ in _parents() if part.encode() in _command(pid)]
    if not found:
        raise BenchFailed(f"no process was started with {part}")
    return min(found)


def cpu_s(pid: int, ended: float | None = None) -> float:
    """User and system time of one process so far. One that has ended counts as ``ended``, and without that raises
    ``BenchFailed``.
    """
    try:
        fields = _stat(pid)
    except BenchFailed:
        if ended is None:
            raise
        return ended
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def resident_mib(pid: int) -> float:
    """Memory of a process and its descendants that is in use now. What they share counts in each."""
    pages = sum(int(_read(one, "statm").split()[1]) for one in family(pid))
    return pages * _PAGE_BYTES / 2**20


def _parents() -> list[tuple[int, int]]:
    found = []
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            try:
                found.append((int(folder.name), int(_stat(int(folder.name))[1])))
            except BenchFailed:
                continue  # it ended while we looked
    return found


def _command(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""  # it ended while we looked


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold spaces."""
    text = _read(pid, "stat")
    return text[text.rindex(")") + 2 :].split()


def _read(pid: int, name: str) -> str:
    try:
        return (_PROC / str(pid) / name).read_text()
    except OSError as error:
        raise BenchFailed(f"process {pid} can't be measured: {error}") from error

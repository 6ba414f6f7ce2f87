"""What the threads of this process cost, by the work they do."""

import os
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_ROLES: Final = {
    "MainThread": "loop",
    "decoder": "decoder",
    "hub": "encoder",
    "picture": "picture",
    "sound": "sound",
    "recorder": "recorder",
    "forward": "forward",
}
"""By how a thread's name begins. What a hub sends to its viewers is in ``encoder``, sound's in ``sound``."""
OTHER: Final = "other"
_TASKS: Final = Path("/proc/self/task")


def role_of(name: str) -> str:
    return _ROLES.get(name.partition("-")[0], OTHER)


def cpu_seconds() -> Mapping[str, float]:
    """Processor time of the threads alive now, by role; those of a room that has closed are gone from it. Empty where
    the system doesn't tell (it does on Linux).
    """
    spent: Counter[str] = Counter()
    for thread in threading.enumerate():
        ticks = _ticks(thread.native_id)
        if ticks is not None:
            spent[role_of(thread.name)] += ticks
    return {role: ticks / os.sysconf("SC_CLK_TCK") for role, ticks in spent.items()}


def _ticks(native_id: int | None) -> int | None:
    """User and system time of a thread (proc(5), stat); None when it has just ended."""
    try:
        text = (_TASKS / str(native_id) / "stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[11]) + int(fields[12])

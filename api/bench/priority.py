"""A bench that must not wait for other programs: it and what it starts go first, where the system allows it."""

import contextlib
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Final

NICENESS: Final = -15
SESSION: Final = Path("/proc/self/autogroup")
"""Where Linux shares the processor among sessions first, what is nice within one counts for nothing beside another
(sched(7)). Reads ``/autogroup-7 nice 0``.
"""


def raised(stack: ExitStack) -> bool:
    """From now on the calling thread, the threads it starts and the processes it starts are favoured, and so is the
    session they are in; no longer, once the stack ends. False where that isn't allowed, which it is for root, and
    everything stays as it is.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    except PermissionError:
        return False
    stack.callback(os.setpriority, os.PRIO_PROCESS, 0, before)
    with contextlib.suppress(OSError):  # no such file: sessions are not told apart
        session_before = SESSION.read_text().split()[-1]
        SESSION.write_text(str(NICENESS))
        stack.callback(_let_session_be, session_before)
    return True


def _let_session_be(niceness: str) -> None:
    with contextlib.suppress(OSError):
        SESSION.write_text(niceness)

"""A bench that must not wait for other programs: it and what it starts go first, where the system allows it."""

import os
from contextlib import ExitStack
from typing import Final

NICENESS: Final = -15


def raised(stack: ExitStack) -> bool:
    """From now on the calling thread, the threads it starts and the processes it starts are favoured; this thread no
    longer, once the stack ends. False where that isn't allowed, which it is for root, and everything stays as it is.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    except PermissionError:
        return False
    stack.callback(os.setpriority, os.PRIO_PROCESS, 0, before)
    return True

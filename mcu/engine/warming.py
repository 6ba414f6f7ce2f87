"""Getting ready without getting in anybody's way: what a spare worker does until it is needed."""

import os
import sys
import threading
from collections.abc import Callable

LOW_PRIORITY = 10
"""Nice (setpriority(2)): a tenth of what others get. The lowest, 19, is a seventieth: on a busy machine the spare would
never be ready."""


def gently(work: Callable[[], object]) -> None:
    """Does ``work`` in a thread of low priority and waits for it; where threads have no priority of their own
    (only Linux gives them one) it is plain work. Raises what ``work`` raises. The thread is gone afterwards: a process
    that lowers its own priority needs special rights to raise it again.
    """
    faults: list[BaseException] = []

    def run() -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)
        try:
            work()
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=run, name="warming")
    thread.start()
    thread.join()
    if faults:
        raise faults[0]

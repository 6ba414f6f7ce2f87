"""Waiting for another thread without guessing how long it takes."""

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Returns as soon as ``holds()``. Raises ``AssertionError`` after the timeout. Blocks: for tests without a loop."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {timeout_s} s")
        time.sleep(0.002)

"""When Python's collector looks at everything, in a process of its own: this one's objects stay as they are."""

import subprocess
import sys

PROGRAM = """
import gc
from mcu.engine.collecting import leave_out_what_is_loaded

class Left:
    def __init__(self, before):
        self.me, self.before = self, before

def wholes(people):
    began = gc.get_stats()[2]["collections"]
    last = None
    for number in range(people):
        last = Left(last) if number % 10_000 else None  # they live to be old, and are garbage then
    return gc.get_stats()[2]["collections"] - began

loaded = [[] for _ in range(600_000)]
gc.collect()
before = wholes(150_000)
leave_out_what_is_loaded()
print(before, wholes(150_000))
"""


def test_what_came_after_the_loading_is_collected_soon() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    before, after = map(int, done.stdout.split())
    assert before == 0 < after

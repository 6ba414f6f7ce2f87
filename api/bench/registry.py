"""Every bench by name. A bench is loaded when it is asked for: some need what others don't."""

from importlib import import_module
from typing import Final

from api.bench.harness import Bench, BenchFailed

NAMES: Final = (
    "core",
    "compose",
    "audio",
    "mixing",
    "voice",
    "sync",
    "loss",
    "send",
    "receive",
    "fan-out",
    "crowd",
    "latency",
    "join",
    "memory",
    "low-power",
    "calibrate",
)

ASIDE: Final = ("calibrate",)
"""Not one of the table's: no part of `all`."""


def load(name: str) -> Bench:
    """The bench of that name. Raises ``BenchFailed`` when its module holds none."""
    bench = getattr(import_module(f"api.bench.{name.replace('-', '_')}"), "BENCH", None)
    if not isinstance(bench, Bench):
        raise BenchFailed(f"api.bench.{name} declares no bench")
    return bench

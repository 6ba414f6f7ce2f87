"""Pages of metrics in the Prometheus text format (version 0.0.4): several made into one.

Whatever names a room is of one worker, so samples of different workers hardly ever have the same name and labels; those
that do, totals such as ``mcu_rooms``, are added up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Family:
    """``comments``: its HELP and TYPE lines; ``samples``: ``name{labels}`` to the value, in the order they came."""

    comments: list[str] = field(default_factory=list)
    samples: dict[str, float] = field(default_factory=dict)


def merge(pages: Iterable[str]) -> str:
    """One page. Raises ValueError for lines that are neither comments nor samples without a time."""
    families: dict[str, Family] = {}
    for page in pages:
        _read(page, families)
    lines = []
    for family in families.values():
        lines += family.comments
        lines += [f"{key} {value!r}" for key, value in family.samples.items()]
    return "\n".join(lines) + "\n" if lines else ""


def expose(kind: str, name: str, text: str, samples: Mapping[str, float]) -> str:
    """A page of one family. ``samples``: labels as they are written (``worker="1"``, or nothing) to value."""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{{{labels}}} {value!r}" if labels else f"{name} {value!r}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"


def samples_of(page: str) -> dict[str, float]:
    """Every sample of a page, by ``name{labels}``."""
    families: dict[str, Family] = {}
    _read(page, families)
    return {key: value for family in families.values() for key, value in family.samples.items()}


def _read(page: str, families: dict[str, Family]) -> None:
    family = Family()
    for line in page.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            known = name in families
            family = families.setdefault(name, Family())
            if not known:
                family.comments.append(line)
        elif line.startswith("#"):
            if line not in family.comments:
                family.comments.append(line)
        elif line:
            key, _, value = line.rpartition(" ")
            family.samples[key] = family.samples.get(key, 0.0) + float(value)

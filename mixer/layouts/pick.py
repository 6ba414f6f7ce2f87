"""Whom a region wants: globs over what is known of people, the order they come in, what happens when too many do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal

from mixer.layouts.member import Member

NS_PER_MS = 1_000_000

Order = Literal["join", "recent_speech", "name"]
Overflow = Literal["hide", "page", "speech"]

STAGE = "pinned", "screen", "active_speaker"
"""Who comes first in a region of one place that does not say."""


@dataclass(frozen=True, slots=True)
class Pick:
    """``first``: "pinned", "screen", "active_speaker" or selectors, who come before the others; None for ``STAGE`` in
    a region of one place and nobody in others. ``match``: a selector that all of the region must fit. ``reserve``:
    ids of participants who have the first places. ``hold_ms``: for so long nobody loses their place to speech.

    A selector is "role:…", "name:…", "id:…", "source:…" or "attr:key=…" with a glob that ignores case.
    """

    first: tuple[str, ...] | None = None
    hold_ms: int = 2000
    match: str | None = None
    order: Order = "join"
    overflow: Overflow = "speech"
    page_ms: int = 10_000
    reserve: tuple[str, ...] = field(default=())

    def claims(self, places: int) -> tuple[str, ...]:
        if self.first is not None:
            return self.first
        return STAGE if places == 1 else ()

    def follows_speech(self, places: int) -> bool:
        """True where a change of speakers moves somebody in or out: all others then keep their seats."""
        speech = self.order == "recent_speech" or self.overflow == "speech"
        return speech or "active_speaker" in self.claims(places)


def selected(selector: str, member: Member) -> bool:
    """True when ``member`` fits ``selector``. An unknown kind fits nobody."""
    kind, _, pattern = selector.partition(":")
    if kind == "attr":
        key, _, pattern = pattern.partition("=")
        value = member.attributes.get(key)
    else:
        value = _FACTS[kind](member) if kind in _FACTS else None
    return value is not None and _fits(pattern, value)


_FACTS: dict[str, Callable[[Member], str]] = {
    "role": lambda member: member.role,
    "name": lambda member: member.name,
    "id": lambda member: member.key.participant,
    "source": lambda member: member.key.source,
}


@lru_cache(maxsize=4096)
def _fits(pattern: str, value: str) -> bool:
    return fnmatchcase(value.casefold(), pattern.casefold())

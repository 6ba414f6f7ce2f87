"""The order in which the letters of one line stand, left to right: the bidirectional algorithm (Unicode UAX #9) as far
as a line without embeddings needs it. OpenCV draws letters in the order they are stored, which is the order they are
spoken in; Hebrew and Arabic would come out backwards.
"""

import unicodedata
from typing import Literal

Direction = Literal["left", "right", "number", "neutral"]

KINDS: dict[str, Direction] = {"L": "left", "R": "right", "AL": "right", "EN": "number", "AN": "number"}

MIRRORED = str.maketrans("()[]{}<>«»‹›", ")(][}{><»«›‹")


def visual(text: str) -> str:
    """``text`` (without control characters) in drawing order. Marks stay behind the letter they belong to."""
    clusters = _clusters(text)
    kinds = [_kind(cluster) for cluster in clusters]
    if "right" not in kinds:
        return text
    levels = _levels(kinds)
    drawn = [
        cluster.translate(MIRRORED) if level % 2 else cluster for cluster, level in zip(clusters, levels, strict=True)
    ]
    for level in range(max(levels), 0, -1):
        start = 0
        while start < len(drawn):
            end = start
            while end < len(drawn) and levels[end] >= level:
                end += 1
            drawn[start:end] = drawn[start:end][::-1]
            start = end + 1
    return "".join(drawn)


def _clusters(text: str) -> list[str]:
    """Letters with the marks that follow them."""
    clusters: list[str] = []
    for character in text:
        if clusters and unicodedata.bidirectional(character) == "NSM":
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _kind(cluster: str) -> Direction:
    return KINDS.get(unicodedata.bidirectional(cluster[0]), "neutral")


def _levels(kinds: list[Direction]) -> list[int]:
    """The embedding level of each cluster: even runs left to right, odd runs right to left (rules P2, W4, W7, N1, N2,
    I1, I2).
    """
    base: Direction = next((kind for kind in kinds if kind in ("left", "right")), "left")
    resolved: list[Direction] = []
    strong = base
    for place, kind in enumerate(kinds):
        if kind in ("left", "right"):
            strong = kind
        between_digits = 0 < place < len(kinds) - 1 and kinds[place - 1] == kinds[place + 1] == "number"
        if kind == "number" or (kind == "neutral" and between_digits):
            resolved.append("left" if strong == "left" else "number")
        else:
            resolved.append(kind)
    for place, kind in enumerate(resolved):
        if kind == "neutral":
            before = _side(resolved[place - 1]) if place else base
            after = next((_side(later) for later in resolved[place:] if later != "neutral"), base)
            resolved[place] = before if before == after else base
    levels: dict[Direction, int] = {"left": 0, "right": 1, "number": 2} if base == "left" else {"left": 2, "right": 1}
    return [levels.get(kind, 2) for kind in resolved]


def _side(kind: Direction) -> Direction:
    return "right" if kind == "number" else kind

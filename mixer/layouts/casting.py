"""Who is shown when not everybody can be, and who gets the stage."""

from collections.abc import Sequence

from mixer.layouts.spec import LayoutSpec, Member


def visible(members: Sequence[Member], spec: LayoutSpec, dominant: str | None) -> list[Member]:
    """At most ``spec.max_tiles`` of ``members``, in the order given.

    First come whoever is pinned, screens and the dominant speaker, then who spoke last, then who joined first. So the
    one who makes room for a new speaker is the one unheard for longest, and everybody else keeps their order.
    """
    if len(members) <= spec.max_tiles:
        return list(members)

    def claim(place: int) -> tuple[int, int, int]:
        member = members[place]
        if member.key.participant == spec.pinned:
            rank = 0
        elif member.screen:
            rank = 1
        else:
            rank = 2 if member.key.participant == dominant else 3
        return rank, -member.last_spoke_ns, place

    # Of a crowd, most have no claim but to have come early: of those the first few are enough.
    claimants: list[int] = []
    others: list[int] = []
    for place, member in enumerate(members):
        who = member.key.participant
        if member.last_spoke_ns or member.screen or who == dominant or who == spec.pinned:
            claimants.append(place)
        elif len(others) < spec.max_tiles:
            others.append(place)
    chosen = sorted((*claimants, *others), key=claim)[: spec.max_tiles]
    return [members[place] for place in sorted(chosen)]


def on_stage(members: Sequence[Member], spec: LayoutSpec, dominant: str | None) -> int:
    """The index of the one who gets the large place: who is pinned (their screen before their camera), a screen, the
    dominant speaker, the first. ``members`` is not empty.
    """

    def claim(place: int) -> tuple[int, int]:
        member = members[place]
        if member.key.participant == spec.pinned:
            return (0 if member.screen else 1), place
        if member.screen:
            return 2, place
        return (3 if member.key.participant == dominant else 4), place

    return min(range(len(members)), key=claim)

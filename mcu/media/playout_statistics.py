"""What a playout counts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlayoutStatistics:
    """Counts since the beginning, packets unless the name says otherwise; all as of the last pull.

    ``lost`` never came or came ``late``; ``concealed_samples`` were invented; ``fec_recovered`` holes were filled
    from a copy; ``damaged`` could not be decoded; ``overflowed`` were dropped because nobody pulled; ``strays``
    belonged to no stream we know. ``resets``: how often playing began anew because the stream jumped or was far too
    late. ``played_samples`` is all that was heard, what was invented included. ``delay_ms`` is how long sound waits
    now, ``target_ms`` how long it should. ``level`` is the RFC 6464 level (0 loud … 127 silent) of the last chunk; of
    a ``parked`` stream the one it claimed when it was looked at. ``drift_ppm``: how much faster than ours the sender's
    clock runs, None while that can't be told.
    """

    received: int
    late: int
    lost: int
    played_samples: int
    concealed_samples: int
    fec_recovered: int
    damaged: int
    overflowed: int
    strays: int
    resets: int
    delay_ms: float
    target_ms: float
    level: int
    parked: bool
    drift_ppm: float | None

"""Which tier of a view a path can bear: down when packets are lost, estimated away or late; up by trying, less and less
often while trying fails. A pure policy: time and everything that was heard are arguments.

What is known of a path, and how far it may be believed:

* **Loss** (RTCP RR) comes from every receiver. A few per cent of it is radio and is repaired; a tenth is a queue that
  overflows.
* **The receiver's estimate** (REMB) comes from libwebrtc and aiortc only. It never exceeds one and a half times what
  arrives, and climbs from there by some 8 % a second: a low one is no reason to go down while it rises, and no high one
  can be waited for before going up.
* **Round trip** tells of a queue that is long and does not overflow.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.protocol.quality import QualityReason, Tier
from mcu.room.tiers import ORDER, VideoTier

BAD_LOSS: Final = 0.10
SEVERE_LOSS: Final = 0.35
"""One report of this is enough."""
UNBEARABLE_LOSS: Final = 0.20
"""In the cheapest tier: the picture goes, so that the sound gets through."""
GOOD_LOSS: Final = 0.03
WINDOW_NS: Final = 4 * NS_PER_S
"""How far back reports count."""
SOUND_WINDOW_NS: Final = 12 * NS_PER_S
"""libwebrtc reports on sound every five seconds."""
SETTLE_NS: Final = 2 * NS_PER_S
"""After a change, reports still tell of what was sent before."""

SHORT_OF: Final = 0.75
"""An estimate below this part of what is sent is too low, where loss or a queue bear it out. One hasty alarm of a busy
receiver makes it 0.85 (draft-ietf-rmcat-gcc-02, section 5.5)."""
FAR_SHORT_OF: Final = 0.5
"""Below this it is believed alone."""
SLIGHT_LOSS: Final = 0.02
SLIGHT_QUEUE_NS: Final = 100 * NS_PER_MS
RISING: Final = 1.05
"""An estimate that grew by this factor within the window is on its way."""

QUEUE_NS: Final = 500 * NS_PER_MS
"""So much above the shortest round trip is a queue."""
LONG_QUEUE_NS: Final = 1500 * NS_PER_MS

FIRST_HOLD_NS: Final = 10 * NS_PER_S
"""How long a path must be good before more is tried."""
LONGEST_HOLD_NS: Final = 120 * NS_PER_S
PROBE_NS: Final = 20 * NS_PER_S
"""Going down within this after going up: it was too much, so the next try waits twice as long."""
PROVEN_NS: Final = 40 * NS_PER_S
"""A tier that was held for so long restores the trust in trying."""


@dataclass(frozen=True, slots=True)
class Move:
    tier: Tier
    reason: QualityReason


class _Samples:
    """The newest figures, with their times; at most ``size``, none older than the window when asked for."""

    def __init__(self, size: int) -> None:
        self._samples: deque[tuple[int, float]] = deque(maxlen=size)

    def add(self, value: float, now_ns: int) -> None:
        self._samples.append((now_ns, value))

    def since(self, from_ns: int) -> list[tuple[int, float]]:
        return [sample for sample in self._samples if sample[0] >= from_ns]

    def clear(self) -> None:
        self._samples.clear()


class TierPolicy:
    """Decides for one viewer. Feed it reports, ask it now and then; ``tier`` is what it decided last."""

    def __init__(self, tier: Tier, now_ns: int) -> None:
        self.tier: Tier = tier
        self._losses, self._sound_losses = _Samples(16), _Samples(16)
        self._estimates, self._sent = _Samples(32), _Samples(32)
        self._round_trip_ns: int | None = None
        self._shortest_ns: int | None = None
        self._queued_since_ns: int | None = None
        self._changed_ns = now_ns
        self._good_since_ns = now_ns
        self._rose_ns: int | None = None
        self._hold_ns = FIRST_HOLD_NS

    def lost(self, fraction: float, now_ns: int) -> None:
        """A report on the video: the part of the packets since the last one that didn't arrive."""
        self._losses.add(fraction, now_ns)

    def sound_lost(self, fraction: float, now_ns: int) -> None:
        self._sound_losses.add(fraction, now_ns)

    def estimated(self, bitrate_bps: int, now_ns: int) -> None:
        self._estimates.add(bitrate_bps, now_ns)

    def sent(self, octets: int, now_ns: int) -> None:
        """How much video was sent since the beginning."""
        self._sent.add(octets, now_ns)

    def round_trip(self, duration_ns: int, now_ns: int) -> None:
        self._round_trip_ns = duration_ns
        self._shortest_ns = min(duration_ns, self._shortest_ns or duration_ns)
        if not self._queues(QUEUE_NS):
            self._queued_since_ns = None
        elif self._queued_since_ns is None:
            self._queued_since_ns = now_ns

    def choose(self, tier: Tier, now_ns: int) -> None:
        """The viewer, or another view, has decided."""
        self._change(tier, now_ns)
        self._rose_ns = None

    def decide(self, rates_bps: Mapping[VideoTier, int], ceiling: Tier, now_ns: int) -> Move | None:
        """Where to go now; None: stay. ``rates_bps`` are those of the tiers there are, the best first, and no better
        one than ``ceiling`` is chosen.
        """
        allowed = _allowed(rates_bps, ceiling)
        now: Tier = self.tier if self.tier == "audio" or self.tier in rates_bps else [*rates_bps][-1]
        if now not in allowed:
            return self._move(allowed[0], "asked", now_ns)
        if now_ns - self._changed_ns < SETTLE_NS:
            return None
        reason = self._trouble(now, rates_bps, now_ns)
        if reason is not None:
            self._good_since_ns = now_ns
            return self._fall(now, reason, rates_bps, now_ns)
        if not self._is_good(now, now_ns):
            self._good_since_ns = now_ns
        if self._rose_ns is not None and now_ns - self._rose_ns >= PROVEN_NS:
            self._hold_ns, self._rose_ns = FIRST_HOLD_NS, None
        better = allowed[: allowed.index(now)]
        if better and now_ns - self._good_since_ns >= self._hold_ns:
            self._rose_ns = now_ns
            return self._move(better[-1], "recovered", now_ns)
        return None

    def _trouble(self, tier: Tier, rates_bps: Mapping[VideoTier, int], now_ns: int) -> QualityReason | None:
        """Why the path can't bear the tier; None when it can, or when nothing is known."""
        if tier == "audio":
            return None
        last = tier == [*rates_bps][-1]
        losses = [value for _, value in self._losses.since(self._from(now_ns))]
        if losses and (
            (len(losses) >= 2 and fmean(losses) >= (UNBEARABLE_LOSS if last else BAD_LOSS))
            or (not last and losses[-1] >= SEVERE_LOSS)
        ):
            return "loss"
        borne_out = bool(losses and fmean(losses) >= SLIGHT_LOSS) or self._queues(SLIGHT_QUEUE_NS)
        if self._falls_short(rates_bps[tier], now_ns, SHORT_OF if borne_out and not last else FAR_SHORT_OF):
            return "bandwidth"
        since_ns = self._queued_since_ns
        if (
            since_ns is not None
            and now_ns - since_ns >= WINDOW_NS
            and self._queues(LONG_QUEUE_NS if last else QUEUE_NS)
        ):
            return "delay"
        return None

    def _falls_short(self, rate_bps: int, now_ns: int, part: float) -> bool:
        """The estimate is below a part of what is sent, was so for the whole window, and does not rise."""
        if now_ns - self._changed_ns < SETTLE_NS + WINDOW_NS:
            return False
        estimates = [value for _, value in self._estimates.since(now_ns - WINDOW_NS)]
        needed_bps = min(rate_bps, self._sent_bps(now_ns)) * part
        if len(estimates) < 3 or max(estimates) >= needed_bps:
            return False
        return estimates[-1] < estimates[0] * RISING

    def _is_good(self, tier: Tier, now_ns: int) -> bool:
        """Reports come and there is nothing to complain of."""
        if tier == "audio":
            reports = self._sound_losses.since(max(now_ns - SOUND_WINDOW_NS, self._changed_ns + SETTLE_NS))
        else:
            reports = self._losses.since(self._from(now_ns))
        losses = [value for _, value in reports]
        estimates = self._estimates.since(self._from(now_ns))
        short = tier != "audio" and estimates and estimates[-1][1] < self._sent_bps(now_ns) * SHORT_OF
        return bool(losses) and fmean(losses) <= GOOD_LOSS and not short and not self._queues(QUEUE_NS)

    def _fall(self, tier: Tier, reason: QualityReason, rates_bps: Mapping[VideoTier, int], now_ns: int) -> Move:
        """To the best tier below that fits what seems to get through; without a picture only from the cheapest."""
        below = [other for other in rates_bps if ORDER.index(other) > ORDER.index(tier)]
        through_bps = self._through_bps(reason, now_ns)
        fitting: list[Tier] = [other for other in below if rates_bps[other] <= through_bps]
        if self._rose_ns is not None and now_ns - self._rose_ns < PROBE_NS:
            self._hold_ns = min(2 * self._hold_ns, LONGEST_HOLD_NS)
        self._rose_ns = None
        choice: list[Tier] = [*fitting, *below[-1:], "audio"]
        return self._move(choice[0], reason, now_ns)

    def _through_bps(self, reason: QualityReason, now_ns: int) -> float:
        """A guess at what the path carries."""
        sent_bps = self._sent_bps(now_ns)
        losses = [value for _, value in self._losses.since(self._from(now_ns))]
        estimates = self._estimates.since(now_ns - WINDOW_NS)
        if reason == "loss":
            return sent_bps * (1 - fmean(losses))
        if reason == "bandwidth":
            return estimates[-1][1]
        return sent_bps * SHORT_OF

    def _sent_bps(self, now_ns: int) -> float:
        samples = self._sent.since(max(now_ns - WINDOW_NS, self._changed_ns))
        if len(samples) < 2 or samples[-1][0] <= samples[0][0]:
            return 0.0
        return (samples[-1][1] - samples[0][1]) * 8 * NS_PER_S / (samples[-1][0] - samples[0][0])

    def _queues(self, above_ns: int) -> bool:
        if self._round_trip_ns is None or self._shortest_ns is None:
            return False
        return self._round_trip_ns > self._shortest_ns + above_ns

    def _from(self, now_ns: int) -> int:
        """Since when reports tell of what is sent now."""
        return max(now_ns - WINDOW_NS, self._changed_ns + SETTLE_NS // 2)

    def _move(self, tier: Tier, reason: QualityReason, now_ns: int) -> Move:
        self._change(tier, now_ns)
        return Move(tier, reason)

    def _change(self, tier: Tier, now_ns: int) -> None:
        self.tier = tier
        self._changed_ns = self._good_since_ns = now_ns
        self._queued_since_ns = None
        for samples in (self._losses, self._sound_losses, self._estimates, self._sent):
            samples.clear()


def _allowed(rates_bps: Mapping[VideoTier, int], ceiling: Tier) -> list[Tier]:
    """The tiers there are that are no better than ``ceiling``, the best first. The cheapest there is always counts, but
    for somebody who wants none.
    """
    if ceiling == "audio":
        return ["audio"]
    bounded = [tier for tier in rates_bps if ORDER.index(tier) >= ORDER.index(ceiling)]
    return [*(bounded or [*rates_bps][-1:]), "audio"]

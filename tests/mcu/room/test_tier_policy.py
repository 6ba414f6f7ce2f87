"""Which tier a path gets: simulated paths, with what receivers report of them, on a clock of the test's."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.protocol.quality import Tier
from mcu.room.tier_policy import FIRST_HOLD_NS, LONGEST_HOLD_NS, Move, TierPolicy
from mcu.room.tiers import VideoTier

RATES: dict[VideoTier, int] = {"high": 1_500_000, "medium": 500_000, "low": 150_000}
STEP_NS = 250 * NS_PER_MS


@dataclass
class Path:
    """A path of ``capacity_bps`` with a queue that drops what doesn't fit. With ``remb`` the receiver estimates as
    libwebrtc does: at most one and a half times what arrives, climbing by 8 % a second.
    """

    capacity_bps: float
    remb: bool = True
    random_loss: float = 0.0
    busy: float = 1.0
    """The part of a tier's rate that the pictures of the moment need."""
    delay_s: float = 0.05
    policy: TierPolicy = field(default_factory=lambda: TierPolicy("high", 0))
    ceiling: Tier = "high"
    now_ns: int = 0
    octets: float = 0.0
    estimate_bps: float = 300_000.0
    moves: list[tuple[float, Move]] = field(default_factory=list)

    def run(self, seconds: float, each: Callable[[], None] = lambda: None) -> list[Tier]:
        """The tiers decided on meanwhile."""
        before = len(self.moves)
        for _ in range(round(seconds * 4)):
            self.now_ns += STEP_NS
            self.step()
            each()
        return [move.tier for _, move in self.moves[before:]]

    def step(self) -> None:
        tier = self.policy.tier
        rate_bps = 0.0 if tier == "audio" else RATES[tier] * self.busy
        self.octets += rate_bps * STEP_NS / NS_PER_S / 8
        arrives_bps = min(rate_bps, self.capacity_bps)
        loss = max(self.random_loss, 1 - arrives_bps / rate_bps if rate_bps else 0.0)
        if self.remb:
            if rate_bps > self.capacity_bps:
                self.estimate_bps = 0.85 * arrives_bps
            elif rate_bps:
                most_bps = max(1.5 * arrives_bps + 10_000, self.estimate_bps)
                self.estimate_bps = min(self.estimate_bps * 1.08**0.25, most_bps)
        policy = self.policy
        policy.sent(round(self.octets), self.now_ns)
        if self.remb and rate_bps:
            policy.estimated(round(self.estimate_bps), self.now_ns)
        if self.now_ns % NS_PER_S == 0:
            policy.round_trip(round(self.delay_s * NS_PER_S), self.now_ns)
            if rate_bps:
                policy.lost(loss, self.now_ns)
            if tier != "audio" or self.now_ns % (5 * NS_PER_S) == 0:
                policy.sound_lost(self.random_loss, self.now_ns)
        move = policy.decide(RATES, self.ceiling, self.now_ns)
        if move is not None:
            self.moves.append((self.now_ns / NS_PER_S, move))

    def has(self, tier: Tier) -> None:
        assert self.policy.tier == tier, self.moves

    @property
    def reasons(self) -> list[str]:
        return [move.reason for _, move in self.moves]


@pytest.mark.parametrize("remb", [True, False])
@pytest.mark.parametrize("busy", [1.0, 0.05])
def test_a_good_path_keeps_the_best_tier_from_the_first_second(remb: bool, busy: float) -> None:
    """Whatever estimates begin with, and also when little moves, so that they can't grow."""
    path = Path(10_000_000, remb=remb, busy=busy)
    assert path.run(120) == []


def test_a_picture_that_begins_to_move_is_no_reason_to_go_down() -> None:
    path = Path(10_000_000, busy=0.03)
    path.run(60)
    path.busy = 1.0
    assert path.run(120) == []


@pytest.mark.parametrize("remb", [True, False])
def test_a_narrow_path_gets_the_tier_that_fits_within_seconds(remb: bool) -> None:
    path = Path(700_000, remb=remb)
    path.run(10)
    path.has("medium")
    assert path.moves[0][0] <= 6
    assert path.moves[0][1].reason == "loss"


def test_a_very_narrow_path_is_not_led_down_step_by_step() -> None:
    path = Path(200_000)
    assert path.run(6) == ["low"]


def test_an_estimate_that_stays_low_is_believed_without_any_loss() -> None:
    """A path whose queue is longer than the test: nothing is lost, but the receiver sees it grow."""
    path = Path(10_000_000, remb=False)

    def estimate() -> None:
        path.policy.estimated(420_000, path.now_ns)

    path.run(20, estimate)
    assert path.moves[0][1] == Move("low", "bandwidth")


@pytest.mark.parametrize(("delay_s", "expected"), [(0.05, []), (0.2, [Move("medium", "bandwidth")])])
def test_an_estimate_that_is_a_little_low_has_to_be_borne_out(delay_s: float, expected: list[Move]) -> None:
    """A receiver that is busy hears a queue where there is none."""
    path = Path(10_000_000, remb=False)
    path.run(5)
    path.delay_s = delay_s
    path.run(10, lambda: path.policy.estimated(1_000_000, path.now_ns))
    assert [move for _, move in path.moves] == expected


def test_a_queue_that_never_overflows_is_noticed_by_the_round_trip() -> None:
    path = Path(10_000_000, remb=False)
    path.run(10)
    path.delay_s = 1.2
    path.run(6)
    assert path.moves[0][1] == Move("medium", "delay")


def test_a_few_per_cent_of_radio_loss_is_left_to_repair() -> None:
    path = Path(10_000_000, random_loss=0.05)
    assert path.run(120) == []


def test_one_bad_report_is_an_accident() -> None:
    path = Path(10_000_000, remb=False)
    path.run(30)
    path.policy.lost(0.25, path.now_ns)
    assert path.run(20) == []


def test_below_the_cheapest_tier_there_is_sound_alone_and_the_picture_comes_back() -> None:
    path = Path(60_000)
    path.run(30)
    path.has("audio")
    assert path.moves[-1][1].reason in ("loss", "bandwidth")
    path.capacity_bps = 10_000_000
    path.run(LONGEST_HOLD_NS / NS_PER_S + 60)
    path.has("high")
    assert set(path.reasons[-3:]) == {"recovered"}


@pytest.mark.parametrize("remb", [True, False])
def test_a_path_that_recovers_gets_the_best_tier_back(remb: bool) -> None:
    path = Path(200_000, remb=remb)
    path.run(20)
    path.capacity_bps = 10_000_000
    path.run(90)
    path.has("high")


@pytest.mark.parametrize("remb", [True, False])
def test_trying_grows_rare_while_it_fails(remb: bool) -> None:
    """Ten minutes on a path that bears the middle tier and not the best one."""
    path = Path(700_000, remb=remb)
    path.run(600)
    tries = [at_s for at_s, move in path.moves if move.reason == "recovered"]
    assert 3 <= len(tries) <= 9
    pauses = [later - sooner for sooner, later in pairwise(tries)]
    assert pauses[0] >= FIRST_HOLD_NS / NS_PER_S
    assert pauses[-1] >= 100
    worst = [at_s for at_s, move in path.moves if move.tier == "low"]
    assert worst == [] or len(worst) <= 2


def test_trust_comes_back_after_a_tier_has_held() -> None:
    path = Path(700_000)
    path.run(300)
    path.capacity_bps = 10_000_000
    path.run(LONGEST_HOLD_NS / NS_PER_S + 60)
    path.has("high")
    path.capacity_bps = 700_000
    path.run(6)
    path.capacity_bps = 10_000_000
    assert path.run(15) == ["high"]


def test_nothing_better_than_was_chosen_and_what_is_chosen_comes_at_once() -> None:
    path = Path(10_000_000, ceiling="low")
    assert path.run(120) == ["low"]
    assert path.reasons == ["asked"]
    path.policy.choose("high", path.now_ns)
    path.ceiling = "audio"
    assert path.run(1) == ["audio"]


def test_a_view_with_one_tier_has_that_one_or_none() -> None:
    policy = TierPolicy("low", 0)
    for second in range(1, 60):
        policy.lost(0.0, second * NS_PER_S)
        assert policy.decide({"high": 200_000}, "high", second * NS_PER_S) is None
    for second in range(60, 70):
        policy.lost(0.5, second * NS_PER_S)
        move = policy.decide({"high": 200_000}, "high", second * NS_PER_S)
        if move is not None:
            assert move == Move("audio", "loss")
            return
    raise AssertionError("half of the packets may be lost for ever")


@given(st.lists(st.tuples(st.sampled_from(["loss", "estimate", "trip", "sent"]), st.integers(0, 10**7)), max_size=80))
@settings(max_examples=60, deadline=None)
def test_whatever_is_reported_there_is_a_tier_and_moves_are_bounded(reports: list[tuple[str, int]]) -> None:
    policy, moves = TierPolicy("high", 0), 0
    for number, (kind, value) in enumerate(reports):
        now_ns = number * STEP_NS
        if kind == "loss":
            policy.lost(value % 257 / 256, now_ns)
        elif kind == "estimate":
            policy.estimated(value, now_ns)
        elif kind == "trip":
            policy.round_trip(value * 1000, now_ns)
        else:
            policy.sent(value, now_ns)
        moves += policy.decide(RATES, "high", now_ns) is not None
    assert policy.tier in ("high", "medium", "low", "audio")
    assert moves <= len(reports) * STEP_NS / (2 * NS_PER_S) + 1

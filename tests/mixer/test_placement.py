"""Voices stand where their tiles do, as loud at the side as in the middle, and walk when tiles jump."""

import numpy as np
import pytest

from mixer.groups import GroupMixer
from mixer.limiter import Limiter
from mixer.placement import Placement, folded, gains_at

FULL = np.full(960, 10_000, np.int32)


def test_the_power_is_the_same_everywhere() -> None:
    for pan in np.linspace(-1.0, 1.0, 21):
        assert float(np.sum(gains_at(float(pan)) ** 2)) == pytest.approx(2.0)
    assert gains_at(0.0) == pytest.approx([1.0, 1.0])
    left, right = gains_at(-1.0)
    assert 20 * np.log10(left / right) > 12
    assert gains_at(7.0) == pytest.approx(gains_at(1.0))


def test_who_begins_is_there_at_once_and_who_moves_is_on_the_way() -> None:
    placement = Placement()
    first = placement.place({"ada": FULL}, {"ada": -1.0})["ada"]
    assert first[0].tolist() == first[-1].tolist()
    chunks = [first, *(placement.place({"ada": FULL}, {"ada": 1.0})["ada"] for _ in range(50))]
    sound = np.concatenate(chunks)
    assert np.abs(np.diff(sound, axis=0)).max() <= 3
    assert sound[-1].tolist() == pytest.approx((10_000 * gains_at(1.0)).tolist(), abs=1)
    there = int(np.argmax(np.abs(sound[:, 1] - sound[-1, 1]) < 2)) / 960
    assert 35 < there < 45


def test_who_has_no_tile_is_in_the_middle() -> None:
    assert np.array_equal(Placement().place({"ada": FULL}, {})["ada"], np.stack([FULL, FULL], axis=1))


def test_taking_out_ones_own_is_exact_in_both_channels() -> None:
    random = np.random.default_rng(3)
    mixers = GroupMixer(channels=2), GroupMixer(channels=2)
    placements = Placement(), Placement()
    pans = {"ada": -0.7, "bo": 0.4, "cy": 0.0}
    for tick in range(3):
        voices = {who: random.integers(-4_000, 4_000, 960).astype(np.int32) for who in pans}
        others = voices | {"ada": random.integers(-4_000, 4_000, 960).astype(np.int32)}
        members = {"ada": "a" if tick == 2 else "", "bo": "", "cy": "a"}
        one, other = (
            mixer.mix(placement.place(words, pans), members, {"": {}, "a": {"": 0.3}})
            for mixer, placement, words in zip(mixers, placements, (voices, others), strict=True)
        )
        mine = one.mixes[members["ada"]].without["ada"]
        assert mine.shape == (960, 2)
        assert mine.any()
        assert np.array_equal(mine, other.mixes[members["ada"]].without["ada"])


def test_a_limiter_turns_both_channels_down_alike() -> None:
    total = np.stack([np.full(960, 60_000), np.full(960, 20_000)], axis=1).astype(np.int32)
    total[:100] //= 4
    limiter = Limiter()
    limited = np.concatenate([limiter.limit(total), limiter.limit(total // 3)])
    assert limited.dtype == np.int16
    assert limited.max() <= 32_767
    assert limited[:, 0] / limited[:, 1] == pytest.approx(3.0, rel=0.001)


def test_folding_keeps_the_middle_and_what_is_one_channel_already() -> None:
    chunk = np.stack([np.full(960, -32_768), np.full(960, -32_768)], axis=1).astype(np.int16)
    assert (folded(chunk) == -32_768).all()
    mono = np.arange(960, dtype=np.int16)
    assert folded(mono) is mono

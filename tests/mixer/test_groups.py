"""Members of a group hear their group alone, exactly, and whoever changes groups hears no edge."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixer.groups import GroupMixer, GroupMixes, Hears, Overlay
from tests.mixer.test_sound import heard, tone

Samples = NDArray[np.int32]

TONES_HZ = {"ada": 317.0, "bo": 463.0, "cy": 719.0, "di": 1151.0}
MEMBERS = {"ada": "wolves", "bo": "wolves", "cy": "", "di": ""}
TWO: Mapping[str, Hears] = {"": {}, "wolves": {}}


def voices(tick: int, amplitude: float = 2_000.0) -> dict[str, Samples]:
    return {who: tone(hz, tick, amplitude).astype(np.int32) for who, hz in TONES_HZ.items()}


def talk(
    ticks: int, members: Mapping[str, str] = MEMBERS, groups: Mapping[str, Hears] = TWO, mixer: GroupMixer | None = None
) -> list[GroupMixes]:
    mixer = mixer or GroupMixer()
    return [mixer.mix(voices(tick), members, groups) for tick in range(ticks)]


def amplitudes(chunks: list[NDArray[np.int16]]) -> dict[str, float]:
    return {who: heard(chunks, hz) for who, hz in TONES_HZ.items()}


def test_each_hears_their_own_group_without_themselves_and_nobody_else() -> None:
    mixed = talk(25)
    for listener, group in MEMBERS.items():
        levels = amplitudes([tick.mixes[group].without[listener] for tick in mixed])
        for speaker, level in levels.items():
            if speaker != listener and MEMBERS[speaker] == group:
                assert level == pytest.approx(2_000, rel=0.01)
            else:
                assert level < 1, (listener, speaker)


def test_a_group_that_listens_in_hears_the_others_at_its_own_level() -> None:
    mixed = talk(25, groups={"": {}, "wolves": {"": 0.25}})
    everyone = amplitudes([tick.mixes["wolves"].everyone for tick in mixed])
    assert everyone == pytest.approx({"ada": 2_000, "bo": 2_000, "cy": 500, "di": 500}, rel=0.02)
    ada = amplitudes([tick.mixes["wolves"].without["ada"] for tick in mixed])
    assert ada["ada"] < 1
    assert amplitudes([tick.mixes[""].everyone for tick in mixed])["ada"] < 1


@given(
    where=st.lists(st.sampled_from(["", "a", "b"]), min_size=1, max_size=6),
    after=st.lists(st.sampled_from(["", "a", "b"]), min_size=6, max_size=6),
    factors=st.dictionaries(
        st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from(["", "a", "b"])), st.floats(0.0, 2.0), max_size=4
    ),
    seed=st.integers(0, 1_000),
)
@settings(max_examples=60, deadline=None)
def test_nobody_ever_gets_one_sample_of_their_own(
    where: list[str], after: list[str], factors: dict[tuple[str, str], float], seed: int
) -> None:
    """Whatever somebody says, what they get is the same to the bit, in the tick of a change of groups too."""
    groups = {group: {other: f for (one, other), f in factors.items() if one == group} for group in ("", "a", "b")}
    random = np.random.default_rng(seed)
    chunks = {f"p{n}": random.integers(-3_000, 3_000, 960).astype(np.int32) for n in range(len(where))}
    other_words = chunks | {"p0": random.integers(-3_000, 3_000, 960).astype(np.int32)}
    mixers = GroupMixer(), GroupMixer()
    for places in (where, after[: len(where)]):
        members = {f"p{n}": group for n, group in enumerate(places)}
        one, other = (
            mixer.mix(words, members, groups) for mixer, words in zip(mixers, (chunks, other_words), strict=True)
        )
        group = members["p0"]
        assert np.array_equal(one.mixes[group].without["p0"], other.mixes[group].without["p0"])


def test_a_change_of_groups_fades_what_one_hears_and_who_hears_one() -> None:
    mixer = GroupMixer()
    members = dict(MEMBERS)
    ada, wolves, village = [], [], []
    for tick in range(50):
        if tick == 25:
            members["ada"] = ""
        mixed = mixer.mix(voices(tick), members, TWO)
        assert mixed.moved == ({"ada": ("wolves", "")} if tick == 25 else {})
        ada.append(mixed.mixes[members["ada"]].without["ada"])
        wolves.append(mixed.mixes["wolves"].without["bo"])
        village.append(mixed.mixes[""].without["cy"])
    assert amplitudes(ada[:25])["bo"] == pytest.approx(2_000, rel=0.01)
    assert amplitudes(ada[26:])["bo"] < 1
    assert amplitudes(ada[26:])["cy"] == pytest.approx(2_000, rel=0.01)
    assert amplitudes(ada)["ada"] < 1
    assert amplitudes(wolves[26:])["ada"] < 1
    assert amplitudes(village[26:])["ada"] == pytest.approx(2_000, rel=0.01)
    for chunks, speakers in ((ada, ("bo", "cy", "di")), (wolves, ("ada",)), (village, ("ada", "di"))):
        steps = np.abs(np.diff(np.concatenate(chunks).astype(np.int32)))
        # The tones themselves move by this much; a cut would add up to 4000.
        assert steps.max() <= sum(2 * np.pi * TONES_HZ[who] / 48_000 * 2_000 for who in speakers) + 5


def test_a_listener_who_says_nothing_fades_over_as_well() -> None:
    mixer = GroupMixer()
    members = {**MEMBERS, "eve": "wolves"}
    for tick in range(3):
        before = mixer.mix(voices(tick), members, TWO)
    assert "eve" not in before.mixes["wolves"].without
    after = mixer.mix(voices(3), {**members, "eve": ""}, TWO)
    mix = after.mixes[""].without["eve"].astype(int)
    wolves = after.mixes["wolves"].sums.everyone
    assert abs(mix[0] - wolves[0]) < 30
    assert abs(mix[-1] - after.mixes[""].everyone[-1]) < 30


def test_the_last_one_out_takes_the_group_along() -> None:
    mixer = GroupMixer()
    mixer.mix(voices(0), {"ada": "wolves"}, TWO)
    mixed = mixer.mix(voices(1), {"ada": ""}, {"": {}})
    assert set(mixed.mixes) == {""}
    assert "ada" in mixed.mixes[""].without
    assert mixer.mix(voices(2), {"ada": ""}, {"": {}}).moved == {}


def test_who_left_the_room_fades_where_they_were() -> None:
    mixer = GroupMixer()
    mixer.mix(voices(0), MEMBERS, TWO)
    last_words = {"ada": np.full(960, 500, np.int32)}
    mixed = mixer.mix(last_words, {who: group for who, group in MEMBERS.items() if who != "ada"}, TWO)
    assert np.array_equal(mixed.mixes["wolves"].everyone, last_words["ada"])
    assert not mixed.mixes[""].everyone.any()


def test_an_overlay_ducks_the_people_and_is_heard_whole_by_all_of_its_group() -> None:
    over = Overlay(np.full(960, 100, np.int32), 0.5)
    chunks = {"ada": np.full(960, 1_000, np.int32), "bo": np.full(960, 300, np.int32)}
    mixed = GroupMixer().mix(chunks, MEMBERS, TWO, {"wolves": over})
    assert mixed.mixes["wolves"].everyone[5] == 750
    assert mixed.mixes["wolves"].without["ada"][5] == 250
    assert not mixed.mixes[""].everyone.any()

"""Announcements duck people smoothly, end without an edge, and are heard by those they are for."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from mixer.announcer import Announcement, Announcer
from mixer.groups import GroupMixer
from mixer.tones import CHIME_DBFS, chime, smoothed, tone
from tests.kit.tones import tone_dbfs

GROUPS = ("", "wolves")
PEOPLE = {"ada": np.full(960, 10_000, np.int32)}
"""A constant: each sample tells the gain it got."""

LONG = Announcement("a", np.zeros(40 * 960, np.int16), None, -12.0)


def played(wanted: Sequence[tuple[Announcement, ...]], group: str = "") -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """What somebody in ``group`` hears of ada, who is in none, and of the announcements."""
    announcer, mixer = Announcer(), GroupMixer()
    chunks = []
    for now in wanted:
        mixed = mixer.mix(PEOPLE, {"ada": ""}, {name: {} for name in GROUPS}, announcer.overlays(now, GROUPS))
        chunks.append(mixed.mixes[group].everyone)
    return np.concatenate(chunks)


def test_people_go_down_within_a_tenth_of_a_second_and_come_back_within_one() -> None:
    sound = played([()] * 5 + [(LONG,)] * 40 + [()] * 40)
    level_db = 20 * np.log10(sound / 10_000)
    assert level_db[: 5 * 960] == pytest.approx(0.0)
    assert level_db[(5 + 5) * 960] == pytest.approx(-12.0, abs=0.01)
    assert level_db[(5 + 40) * 960 - 1] == pytest.approx(-12.0, abs=0.01)
    assert level_db[-1] == pytest.approx(0.0)
    back = int(np.argmax(level_db[45 * 960 :] > -0.1)) / 960
    assert 20 <= back <= 26
    # No sample differs audibly from the one before: 3 dB in 20 ms is 36 of 10 000 at the most.
    assert int(np.abs(np.diff(sound.astype(int))).max()) <= 5


def test_the_sound_itself_is_heard_whole_and_once() -> None:
    pcm = smoothed(np.full(3_000, 2_000, np.int16))
    one = Announcement("a", pcm)
    announcer = Announcer()
    chunks, over = [], []
    for _ in range(6):
        overlay = announcer.overlays((one,), GROUPS).get("")
        chunks.append(np.zeros(960, np.int32) if overlay is None or overlay.samples is None else overlay.samples)
        over.append(announcer.over(one))
    heard = np.concatenate(chunks)
    assert np.array_equal(heard[:3_000], pcm)
    assert not heard[3_000:].any()
    assert over == [False, False, False, True, True, True]


def test_one_that_is_stopped_fades_within_a_tick() -> None:
    loud = Announcement("a", np.full(40 * 960, 8_000, np.int16))
    sound = played([(loud,)] * 5 + [()] * 3)[960:].astype(int) - 10_000
    assert sound[4 * 960 - 1] == 8_000
    assert np.abs(np.diff(sound)).max() <= 9
    assert not sound[5 * 960 :].any()


def test_only_the_group_it_is_for_hears_it_and_is_ducked() -> None:
    beep = Announcement("a", tone(1_000, 1_000, -20.0), "wolves", -30.0)
    assert tone_dbfs(played([(beep,)] * 40, "wolves"), 1_000) == pytest.approx(-20.0, abs=0.5)
    assert set(played([(beep,)] * 40, "")) == {10_000}


def test_two_at_once_are_both_heard_and_duck_as_far_as_the_lower() -> None:
    quiet, low = Announcement("b", tone(400, 1_000, -30.0), None, -6.0), Announcement("c", tone(900, 1_000, -30.0))
    sound = played([(quiet, low, LONG)] * 40)[10 * 960 :]
    assert tone_dbfs(sound, 400) == pytest.approx(-30.0, abs=0.5)
    assert tone_dbfs(sound, 900) == pytest.approx(-30.0, abs=0.5)
    assert float(np.median(sound)) == pytest.approx(10_000 * 10 ** (-12 / 20), rel=0.02)


def test_what_was_played_is_forgotten_with_its_announcement() -> None:
    announcer = Announcer()
    for number in range(50):
        announcer.overlays((Announcement(str(number), np.zeros(960, np.int16)),), GROUPS)
    assert set(announcer.played) == {"49"}


@pytest.mark.parametrize("kind", ["join", "leave"])
def test_chimes_are_quiet_short_and_without_edges(kind: str) -> None:
    sound = chime("join" if kind == "join" else "leave")
    assert sound.size < 48_000
    assert 20 * np.log10(np.abs(sound).max() / 32_767) < CHIME_DBFS + 4
    assert abs(int(sound[0])) <= 1
    assert abs(int(sound[-1])) <= 1
    assert max(abs(int(b) - int(a)) for a, b in pairwise(sound)) < 250
    first, second = sound[: 48 * 120], sound[48 * 200 : 48 * 400]
    rises = tone_dbfs(first, 659.26) > tone_dbfs(first, 880.0) and tone_dbfs(second, 880.0) > tone_dbfs(second, 659.26)
    assert rises == (kind == "join")

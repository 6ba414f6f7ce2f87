"""A cough doesn't take the floor; speech does, within half a second. On scripts of levels, and on recorded voices."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer.levels import dbov
from mixer.speech import SpeakerDetector, Speech
from tests.kit.speech import noise, recorded, silence, typing

MS = 1_000_000
VOICE = 26
QUIET = 66


class Meeting:
    """Levels over time, as short scripts."""

    def __init__(self, *people: str) -> None:
        self.detector = SpeakerDetector()
        self.people = list(people)
        self.now_ms = 0
        self.speech = self.detector.update(dict.fromkeys(people, QUIET), 0)
        self.floor: list[tuple[int, str | None]] = [(0, self.speech.dominant)]

    def go(self, duration_ms: int, step_ms: int = 20, /, **levels: float) -> Speech:
        for _ in range(duration_ms // step_ms):
            self.now_ms += step_ms
            everybody = {who: levels.get(who, QUIET) for who in self.people}
            self.speech = self.detector.update(everybody, self.now_ms * MS)
            if self.speech.dominant != self.floor[-1][1]:
                self.floor.append((self.now_ms, self.speech.dominant))
        return self.speech

    def syllables(self, who: str, duration_ms: int, level: float = VOICE, **others: float) -> Speech:
        """Speech with its gaps: 180 ms of voice, 60 ms of quiet."""
        for _ in range(duration_ms // 240):
            self.go(180, **{who: level}, **others)
            self.go(60, **others)
        return self.speech


def test_a_cough_takes_nothing() -> None:
    meeting = Meeting("ada", "bo")
    meeting.syllables("ada", 3_000)
    meeting.go(600)
    for _ in range(10):
        meeting.go(100, bo=10)
        meeting.go(300)
    assert [who for _, who in meeting.floor] == [None, "ada"]
    assert "bo" not in meeting.speech.border


@pytest.mark.parametrize("step_ms", [20, 40, 60])
def test_who_speaks_into_silence_has_the_floor_within_half_a_second(step_ms: int) -> None:
    meeting = Meeting("ada", "bo")
    meeting.go(1_000, step_ms)
    began_ms = meeting.now_ms
    meeting.go(480, step_ms, bo=VOICE)
    assert meeting.speech.dominant == "bo"
    assert 200 <= meeting.floor[-1][0] - began_ms <= 500


def test_turns_are_taken_within_half_a_second() -> None:
    meeting = Meeting("ada", "bo", "cy")
    for who in ("ada", "bo", "cy", "ada"):
        meeting.syllables(who, 1_200)
        began_ms = meeting.floor[-1][0]
        assert meeting.speech.dominant == who
        assert meeting.now_ms - began_ms >= 1_200 - 500


def test_two_who_talk_at_once_do_not_flap() -> None:
    meeting = Meeting("ada", "bo")
    meeting.go(600, ada=VOICE)
    for _ in range(20):
        meeting.go(200, ada=VOICE - 1, bo=VOICE)
        meeting.go(200, ada=VOICE, bo=VOICE - 1)
    assert [who for _, who in meeting.floor] == [None, "ada"]


def test_after_the_hold_somebody_clearly_louder_gets_through() -> None:
    meeting = Meeting("ada", "bo")
    meeting.go(500, ada=VOICE + 9)
    taken_ms = meeting.floor[-1][0]
    meeting.go(3_000, ada=VOICE + 9, bo=VOICE)
    assert meeting.speech.dominant == "bo"
    assert meeting.floor[-1][0] - taken_ms >= 2_000


def test_the_floor_stays_through_a_pause_and_goes_with_its_holder() -> None:
    meeting = Meeting("ada", "bo")
    meeting.go(600, ada=VOICE)
    assert meeting.go(10_000).dominant == "ada"
    assert meeting.speech.active == ()
    meeting.people.remove("ada")
    assert meeting.go(20).dominant is None


def test_a_fan_is_not_a_voice_but_talking_over_it_is() -> None:
    meeting = Meeting("ada", "bo")
    meeting.go(30_000, ada=48)
    assert meeting.go(5_000, ada=48).active == ()
    meeting.go(500, ada=28)
    assert meeting.speech.dominant == "ada"


def test_a_steady_tone_does_not_become_background() -> None:
    meeting = Meeting("ada", "bo")
    meeting.go(120_000, 100, ada=30)
    assert [who for who, _ in meeting.speech.active] == ["ada"]


def test_borders_fade_in_and_out() -> None:
    meeting = Meeting("ada")
    strengths = [meeting.go(20, ada=VOICE).border.get("ada", 0.0) for _ in range(25)]
    assert strengths[0] == 0.0
    assert strengths[-1] == 1.0
    assert max(after - before for before, after in pairwise(strengths)) < 0.2
    fading = [meeting.go(20).border.get("ada", 0.0) for _ in range(70)]
    assert fading[-1] == 0.0
    assert max(before - after for before, after in pairwise(fading)) < 0.1


def test_active_speakers_come_loudest_first_with_their_level() -> None:
    meeting = Meeting("ada", "bo", "cy")
    meeting.go(2_000, ada=34, bo=20)
    (first, loud), (second, soft) = meeting.speech.active
    assert (first, second) == ("bo", "ada")
    assert 1.0 >= loud > soft > 0.0


def test_signs_do_not_matter_and_time_may_stall() -> None:
    meeting = Meeting("ada")
    meeting.go(500, ada=-float(VOICE))
    assert meeting.speech.dominant == "ada"
    detector = SpeakerDetector()
    detector.update({"ada": QUIET}, 0)
    # One click after a stall of ten seconds, then time that runs backwards.
    assert detector.update({"ada": 10}, 10_000 * MS).dominant is None
    assert detector.update({"ada": 10}, 5_000 * MS).dominant is None


def listen(step_ms: int = 40, **sounds: NDArray[np.int16]) -> list[tuple[int, Speech]]:
    """What is judged, and when in ms, of people whose microphones hand over these sounds."""
    detector = SpeakerDetector()
    step, ticks = step_ms // 20, min(sound.size for sound in sounds.values()) // 960
    told = []
    for tick in range(0, ticks, step):
        levels = {who: dbov(sound[tick * 960 : tick * 960 + 960]) for who, sound in sounds.items()}
        told.append((tick * 20, detector.update(levels, tick * 20 * MS)))
    return told


def floors(told: list[tuple[int, Speech]]) -> list[str | None]:
    holders = [speech.dominant for _, speech in told]
    return [holder for n, holder in enumerate(holders) if n == 0 or holder != holders[n - 1]]


VOICES = ("ada", "minjun", "zoe", "julia")


@pytest.mark.parametrize("name", VOICES)
@pytest.mark.parametrize("step_ms", [20, 40])
def test_a_recorded_voice_has_the_floor_within_half_a_second_and_keeps_it(name: str, step_ms: int) -> None:
    voice = recorded(name)
    begins_ms = 1_000 + int(np.flatnonzero(np.abs(voice) > 300)[0]) // 48
    told = listen(step_ms, voice=np.concatenate([silence(1), voice]), other=noise(-72, 15))
    assert floors(told) == [None, "voice"]
    assert next(ms for ms, speech in told if speech.dominant == "voice") - begins_ms <= 500
    after = [speech for ms, speech in told if ms > begins_ms + 500]
    # The pauses between words are part of speaking; those between sentences may show.
    assert sum("voice" in dict(speech.active) for speech in after) > 0.9 * len(after)


@pytest.mark.parametrize("name", VOICES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noises_do_not_take_the_floor_in_the_pauses_of_speech(name: str, seed: int) -> None:
    voice = np.concatenate([silence(1), recorded(name)])
    told = listen(voice=voice, fan=noise(-45, 15, seed), loud_fan=noise(-38, 15, seed), keys=typing(15, seed=seed))
    assert floors(told) == [None, "voice"]


def test_noises_alone_are_nobody_speaking() -> None:
    fan = np.concatenate([noise(-75, 3), noise(-42, 20)])
    told = listen(fan=fan, keys=typing(23), quiet=noise(-75, 23))
    assert floors(told) == [None]
    assert sum("fan" in dict(speech.active) for _, speech in told) <= 0.03 * len(told)
    assert sum("keys" in dict(speech.active) for _, speech in told) <= 0.15 * len(told)


@pytest.mark.parametrize("cough_ms", [60, 120, 200])
def test_coughs_of_all_lengths_take_nothing(cough_ms: int) -> None:
    cough = np.concatenate([noise(-14, 0.2)[: cough_ms * 48], silence(1)])
    rest = np.concatenate([silence(2), np.tile(cough, 5), silence(2)])
    told = listen(20, ada=rest, bo=noise(-75, 12))
    assert floors(told) == [None]


def test_two_recorded_voices_in_turn_have_the_floor_in_turn() -> None:
    ada, zoe = recorded("ada")[: 3 * 48_000], recorded("zoe")[: 3 * 48_000]
    first = np.concatenate([ada, silence(3), ada, silence(3)])
    second = np.concatenate([silence(3), zoe, silence(3), zoe])
    told = listen(ada=first + noise(-70, 12), zoe=second + noise(-66, 12, seed=2))
    assert floors(told) == [None, "ada", "zoe", "ada", "zoe"]

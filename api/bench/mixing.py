"""``mixing``: what groups, automatic gain, places and noise suppression add to the mix of five voices among 200 people.

Voices in, mixes out, before any codec: ``audio`` measures those.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from time import process_time
from typing import Final

from api.bench.audio import PEOPLE, SPEAKERS
from api.bench.harness import Baseline, Bench, Case, Effort, Missing, Work
from api.bench.voices import voice
from mcu.errors import Unprocessable
from mcu.room.noise import NoiseSuppression
from mcu.room.voices import Heard
from mixer.announcer import Announcement, Announcer
from mixer.auto_gain import AutoGain
from mixer.faders import Faders, Samples
from mixer.groups import GroupMixer
from mixer.levels import dbov
from mixer.placement import Placement
from mixer.sound import SoundMixer
from mixer.tones import tone

TICKS: Final = 50
UNIT: Final = "CPU µs/tick"
PLAIN: Final = Baseline("the mix of five voices alone")

CASES: Final = (
    "one group",
    "one group, automatic gain",
    "one group, voices placed",
    "one group under an announcement",
    "one group, noise suppressed",
    "four groups with five voices each",
    "sixteen groups with five voices each",
)

Tick = Callable[[Heard], object]


def ticks_of(speakers: int) -> Sequence[Heard]:
    """Everybody's voices, tick by tick, and the levels of all 200."""
    voices = {str(person): voice(person, TICKS) for person in range(speakers)}
    heard = []
    for number in range(TICKS):
        inputs = {who: pcm[number] for who, pcm in voices.items()}
        levels = {str(person): -127.0 for person in range(PEOPLE)} | {who: dbov(pcm) for who, pcm in inputs.items()}
        heard.append(Heard(inputs, dict.fromkeys(inputs, 1.0), levels))
    return heard


def timed(ticks: Sequence[Heard], make: Callable[[], Tick]) -> Work:
    def work() -> float:
        play = make()
        began_s = process_time()
        for heard in ticks:
            play(heard)
        return (process_time() - began_s) * 1e6 / len(ticks)

    return work


def plain() -> Tick:
    mixer = SoundMixer()
    return lambda heard: mixer.mix(heard.inputs, heard.gains)


def grouped(groups: int = 1, channels: int = 1) -> Callable[[Mapping[str, Samples]], object]:
    """The mix of so many groups, each with five of the first voices."""
    mixer = GroupMixer(channels)
    members = {str(person): str(person // SPEAKERS % groups) for person in range(PEOPLE)}
    hears: dict[str, dict[str, float]] = {str(group): {} for group in range(groups)}
    return lambda contributed: mixer.mix(contributed, members, hears)


def in_groups(groups: int) -> Tick:
    faders, mix = Faders(), grouped(groups)
    return lambda heard: mix(faders.contribute(heard.inputs, heard.gains))


def with_auto_gain() -> Tick:
    gain, faders, mix = AutoGain(), Faders(), grouped()
    return lambda heard: mix(faders.contribute(heard.inputs, gain.update(heard.levels_dbov)))


def placed() -> Tick:
    faders, placement, mix = Faders(), Placement(), grouped(channels=2)
    pans = {str(person): person / PEOPLE for person in range(PEOPLE)}
    return lambda heard: mix(placement.place(faders.contribute(heard.inputs, heard.gains), pans))


def announced() -> Tick:
    faders, announcer, mixer = Faders(), Announcer(), GroupMixer()
    members = {str(person): "" for person in range(PEOPLE)}
    sound = (Announcement("gong", tone(440.0, 20 * TICKS, -20.0), None, -15.0),)

    def play(heard: Heard) -> None:
        contributed = faders.contribute(heard.inputs, heard.gains)
        mixer.mix(contributed, members, {"": {}}, announcer.overlays(sound, ("",)))

    return play


def suppressed() -> Tick:
    noise, faders, mix = NoiseSuppression(), Faders(), grouped()
    present = {str(person) for person in range(PEOPLE)}

    def play(heard: Heard) -> None:
        clean = noise.clean(heard, present)
        mix(faders.contribute(clean.inputs, clean.gains))

    return play


def prepare(_: ExitStack, effort: Effort) -> list[Case]:
    five = ticks_of(SPEAKERS)
    against: dict[Baseline, Work | Missing] = {PLAIN: timed(five, plain)}
    made: dict[str, Callable[[], Tick]] = {
        CASES[0]: lambda: in_groups(1),
        CASES[1]: with_auto_gain,
        CASES[2]: placed,
        CASES[3]: announced,
    }
    try:
        NoiseSuppression()
    except Unprocessable:
        pass
    else:
        made[CASES[4]] = suppressed
    cases = [Case(name, UNIT, timed(five, make), against) for name, make in made.items()]
    for name, groups in ((CASES[5], 4), (CASES[6], 16)):
        many = ticks_of(SPEAKERS * groups)
        cases.append(Case(name, UNIT, timed(many, partial(in_groups, groups)), against))
    return cases


BENCH: Final = Bench(
    name="mixing",
    work="what groups, gain, places, announcements and noise suppression add to a mix",
    cases=CASES,
    baselines=(PLAIN,),
    prepare=prepare,
)

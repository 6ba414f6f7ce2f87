"""Who is decoded and who is heard, on real Opus in media time."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AudioPacket
from mcu.media.opus import OpusDecoder, Samples
from mcu.media.playout import Playout
from mcu.room.snapshot import SoundInput
from mcu.room.voices import Heard, Voices
from mixer.levels import SILENT, dbov
from tests.kit.network import Link, Weather
from tests.kit.speech import TICK_NS, Microphone, noise, recorded, silence, tone

START_NS = NS_PER_S


class CountingDecoder(OpusDecoder):
    def __init__(self) -> None:
        super().__init__()
        self.decodes = 0

    def decode(self, payload: bytes) -> Samples:
        self.decodes += 1
        return super().decode(payload)


@dataclasses.dataclass
class Person:
    arrivals: list[tuple[int, AudioPacket]]
    heard: bool = True
    gain: float = 1.0
    decoder: CountingDecoder = dataclasses.field(default_factory=CountingDecoder)
    said: dict[int, Samples] = dataclasses.field(default_factory=dict)
    """What was contributed, by tick."""
    levels: list[float] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.playout = Playout(decoder=self.decoder)
        self.arrivals.reverse()

    def arrive_until(self, now_ns: int) -> None:
        while self.arrivals and self.arrivals[-1][0] <= now_ns:
            arrived_ns, packet = self.arrivals.pop()
            self.playout.push(dataclasses.replace(packet, arrived_ns=arrived_ns))

    def sound(self, ticks: int) -> Samples:
        nothing = np.zeros(960, np.int16)
        return np.concatenate([self.said.get(n, nothing) for n in range(ticks)])


def through(
    sound: Samples, weather: Weather | None = None, seed: int = 1, microphone: Microphone | None = None
) -> list[tuple[int, AudioPacket]]:
    link: Link[AudioPacket] = Link(weather or Weather(), seed)
    return list(link.carry((microphone or Microphone()).packets(sound, START_NS)))


class Room:
    """People, and the sound thread's work on a clock of its own."""

    def __init__(self, people: dict[str, Person], max_speakers: int = 3) -> None:
        self.people = people
        self.voices = Voices(max_speakers)
        self.tick = 0

    def run(self, seconds: float) -> "Room":
        for _ in range(round(seconds * 50)):
            self.step()
        return self

    def step(self) -> Heard:
        now_ns = START_NS + self.tick * TICK_NS + 7 * NS_PER_MS
        sounds = []
        for who, person in self.people.items():
            person.arrive_until(now_ns)
            sounds.append(SoundInput(who, person.playout, person.heard, person.gain, None))
        heard = self.voices.collect(tuple(sounds), now_ns)
        for who, person in self.people.items():
            person.levels.append(heard.levels_dbov[who])
            if who in heard.inputs:
                person.said[self.tick] = heard.inputs[who]
        self.tick += 1
        return heard


def hum(hz: float, dbov_: float, seconds: float) -> Samples:
    return tone(hz, seconds, 32_767 * 2**0.5 * 10 ** (dbov_ / 20))


def test_only_the_loudest_are_decoded_and_everybody_has_a_level() -> None:
    levels = {f"p{n}": -30.0 - 5 * n for n in range(10)}
    room = Room({who: Person(through(hum(300 + 40 * n, level, 4))) for n, (who, level) in enumerate(levels.items())})
    room.run(4)
    late = range(100, 190)
    for who, person in room.people.items():
        speaks = who in ("p0", "p1", "p2")
        assert all((n in person.said) == speaks for n in late), who
        assert (person.decoder.decodes > 150) if speaks else (person.decoder.decodes == 0)
        # The level of those who aren't decoded is what they say of themselves.
        assert person.levels[150] == pytest.approx(levels[who], abs=2.0)
        assert person.playout.statistics.parked is not speaks
        assert person.playout.statistics.received > 150
        assert person.playout.statistics.lost == 0
    assert room.voices.statistics.decoded == 3
    assert room.voices.statistics.parked == 7


def crowd(seconds: float, quiet_dbov: float = -62.0) -> dict[str, Person]:
    """Six with a fan in their room."""
    return {f"fan{n}": Person(through(noise(quiet_dbov + n / 4, seconds, seed=n))) for n in range(6)}


@pytest.mark.parametrize("weather", [Weather(), Weather(jitter_ms=60, reordering=True, drift_ppm=200)], ids=str)
def test_who_begins_to_speak_is_heard_from_the_first_syllable(weather: Weather) -> None:
    whole = np.concatenate([silence(2), recorded("ada")[: 3 * 48_000], silence(1)])
    spoken = (whole + noise(-75, 6, seed=9)).astype(np.int16)
    alone = Room({"ada": Person(through(spoken, weather))}).run(6)
    crowded = Room({"ada": Person(through(spoken, weather)), **crowd(6)}).run(6)
    ada = crowded.people["ada"]
    assert ada.decoder.decodes < 0.9 * alone.people["ada"].decoder.decodes, "quiet, she is parked"
    wanted, got = alone.people["ada"].sound(300), ada.sound(300)
    begin = int(np.flatnonzero(np.abs(wanted) > 400)[0]) - 480
    for at in range(begin, begin + 48_000, 2_400):
        # Each 50 ms of the first second; decoded anew after silence it may differ by less than one hears, and with
        # jitter the delay of somebody just decoded is the one wanted, the other's is on its way there.
        piece = wanted[at : at + 2_400].astype(float)
        if np.abs(piece).max() < 400:
            continue
        likeness = max(alike(piece, got[at + lag : at + lag + 2_400]) for lag in range(-960, 961, 8))
        assert likeness > 0.95, f"{(at - begin) / 48:.0f} ms after the first sound"


def alike(one: NDArray[np.float64], other: Samples) -> float:
    """The correlation of two sounds, scaled by how loud they are to each other: 1 for the same."""
    second = other.astype(float)
    return float(2 * np.dot(one, second) / max(1.0, np.dot(one, one) + np.dot(second, second)))


def test_nobody_is_cut_and_nothing_clicks_when_places_change() -> None:
    """Four tones for three places; the fourth becomes loud, then quiet."""
    people = {f"p{n}": Person(through(hum(211 + 90 * n, -30.0, 6))) for n in range(3)}
    swell = np.interp(np.arange(6 * 48_000) / 48_000, [2.0, 2.1, 4.0, 4.1], [0.01, 1.0, 1.0, 0.01])
    comer = np.rint(hum(640, -20.0, 6) * swell).astype(np.int16)
    room = Room({**people, "comer": Person(through(comer))}).run(6)
    for who, person in room.people.items():
        sound = person.sound(room.tick).astype(float)
        hz = 640 if who == "comer" else 211 + 90 * int(who[1])
        loudest = 32_767 * 2**0.5 * 10 ** ((-20 if who == "comer" else -30) / 20)
        # A sine can't bend more than this from sample to sample; a cut or a step would.
        bend = np.abs(np.diff(sound[20 * 960 :], 2)).max()
        assert bend < 3.5 * loudest * (2 * np.pi * hz / 48_000) ** 2 + 60, who
    parked = [who for who, person in room.people.items() if 150 not in person.said]
    assert len(parked) == 1, "the comer took one place"
    assert "comer" not in parked
    assert [who for who, person in room.people.items() if 280 not in person.said] == ["comer"], "and gave it back"


def test_muted_people_are_not_decoded_and_their_levels_not_told() -> None:
    room = Room({"ada": Person(through(hum(300, -20, 3))), "bo": Person(through(hum(500, -20, 3)), gain=0.0)})
    room.run(1)
    room.people["ada"].heard = False
    room.step()
    decoded = room.people["ada"].decoder.decodes
    room.run(1)
    ada, bo = room.people["ada"], room.people["bo"]
    assert ada.decoder.decodes == decoded
    assert bo.decoder.decodes == 0
    assert set(ada.levels[60:]) == set(bo.levels) == {float(-SILENT)}
    assert not ada.said[50][-1], "the last chunk fades out"
    assert max(ada.said) == 50
    ada.heard = True
    heard = room.step()
    assert dbov(heard.inputs["ada"]) > -30


@pytest.mark.parametrize("muted_ticks", [1, 5, 42])
def test_who_sends_while_muted_is_in_time_afterwards(muted_ticks: int) -> None:
    room = Room({"ada": Person(through(hum(300, -20, 4))), "bo": Person(through(hum(500, -20, 4)), heard=False)})
    room.run(1)
    for ticks, heard in ((muted_ticks, False), (50, True)):
        room.people["ada"].heard = heard
        for _ in range(ticks):
            room.step()
    ada, bo = (person.playout.statistics for person in room.people.values())
    assert (ada.lost, ada.overflowed, ada.late) == (0, 0, 0)
    assert (bo.lost, bo.overflowed, bo.received) == (0, 0, ada.received)
    assert ada.delay_ms == pytest.approx(ada.target_ms, abs=4)
    assert min(room.people["ada"].said) < 10
    assert set(range(52 + muted_ticks, room.tick)) <= room.people["ada"].said.keys(), "heard from the next tick on"


def test_open_microphones_in_silence_are_hardly_ever_decoded() -> None:
    """Clients without levels that send a packet of silence now and then."""
    quiet = [
        (at_ns, dataclasses.replace(packet, sequence_number=n))
        for n, (at_ns, packet) in enumerate([*through(silence(8), microphone=Microphone(levels=False))][::20])
    ]
    room = Room({"ada": Person(quiet)}).run(8)
    assert room.people["ada"].decoder.decodes == 20
    assert room.people["ada"].playout.statistics.concealed_samples <= 3 * 9_600


def test_without_levels_everybody_is_decoded_to_be_known() -> None:
    mute = Microphone(levels=False)
    loudness = {f"p{n}": -25.0 - 6 * n for n in range(5)}
    room = Room(
        {
            who: Person(through(hum(300 + 70 * n, level, 3), microphone=mute))
            for n, (who, level) in enumerate(loudness.items())
        }
    )
    room.run(2.5)
    assert {who for who, person in room.people.items() if 110 in person.said} == {"p0", "p1", "p2"}
    for who, person in room.people.items():
        assert person.decoder.decodes > 100
        assert person.levels[110] == pytest.approx(loudness[who], abs=1.5)


def test_who_lies_about_their_level_does_not_keep_the_place() -> None:
    liars = {f"liar{n}": Person(through(noise(-80, 8, seed=n), microphone=Microphone(lies=0))) for n in range(3)}
    speakers = {f"p{n}": Person(through(hum(300 + 70 * n, -30.0, 8))) for n in range(3)}
    Room({**liars, **speakers}).run(8)
    late = range(100, 390)
    for who, person in speakers.items():
        assert sum(n in person.said for n in late) > 0.97 * len(late), who
    assert sum(n in liar.said for liar in liars.values() for n in late) < 0.1 * len(late)
    assert all(liar.levels[300] < -50 for liar in liars.values())


def test_with_places_for_all_nobody_is_touched() -> None:
    """In a room for three, what three contribute is what each one's playout gives, bit for bit."""
    sounds = {f"p{n}": hum(300 + 70 * n, -30.0 - 10 * n, 3) for n in range(3)}
    room = Room({who: Person(through(sound)) for who, sound in sounds.items()}).run(3)
    for who, sound in sounds.items():
        lone = Person(through(sound))
        for tick in range(140):
            now_ns = START_NS + tick * TICK_NS + 7 * NS_PER_MS
            lone.arrive_until(now_ns)
            chunk = lone.playout.pull(now_ns)
            if chunk is not None and tick - 1 in room.people[who].said:
                assert np.array_equal(chunk, room.people[who].said[tick])
        assert len(room.people[who].said) > 135

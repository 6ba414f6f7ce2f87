"""A room's sound from microphones behind bad networks to the loudspeakers of everybody, decoded and judged by ear."""

import itertools

import numpy as np
import pytest

from mcu.frames import AudioPacket
from mcu.media.opus import Samples
from tests.kit.network import Link, Weather
from tests.kit.speech import Microphone, recorded, silence, tone
from tests.kit.tones import level_dbfs, tone_dbfs
from tests.mcu.room.soundroom import START_NS, Member, SoundRoom

# Neither harmonics nor sums or differences of each other.
TONES_HZ = {"ada": 440.0, "bo": 687.0, "chloe": 1010.0, "dae": 1530.0}
AMPLITUDE = 1_500.0
WEATHERS = {
    "ada": Weather(),
    "bo": Weather(loss=0.02, jitter_ms=20, drift_ppm=100),
    "chloe": Weather(loss=0.05, jitter_ms=50, reordering=True, duplicates=0.05, drift_ppm=-100),
    "dae": Weather(loss=0.05, burst_ms=60, drift_ppm=250),
}


def member(name: str, sound: Samples, weather: Weather | None = None, **microphone: bool) -> Member:
    link: Link[AudioPacket] = Link(weather or Weather(), seed=len(name))
    client = Microphone(ssrc=len(name), expected_loss=0.1, **microphone)
    return Member(name, link.carry(client.packets(sound, START_NS)))


def usual_dbfs(sound: Samples, hz: float) -> float:
    """The level of a tone in most of its 50 ms: over longer times, catching up and repaired holes bend it."""
    return float(np.median([tone_dbfs(sound[at : at + 2_400], hz) for at in range(0, sound.size - 2_400, 2_400)]))


@pytest.mark.parametrize("tells_levels", [True, False])
def test_everybody_hears_all_the_others_and_never_themselves(tells_levels: bool) -> None:
    people = [
        member(name, tone(hz, 5, AMPLITUDE), WEATHERS[name], levels=tells_levels) for name, hz in TONES_HZ.items()
    ]
    listener = Member("eve")
    with SoundRoom(*people, listener) as room:
        room.play(5)
        played = {one.name: one.sound[2 * 48_000 :] for one in room.members}
    loud_dbfs = tone_dbfs(tone(440, 1, AMPLITUDE), 440)
    for name, sound in played.items():
        assert sound.size > 2.5 * 48_000
        for other, hz in TONES_HZ.items():
            level = usual_dbfs(sound, hz)
            if other == name:
                # One's own voice at a thirtieth of its loudness would show.
                assert level < loud_dbfs - 30, f"{name} hears themselves at {level - loud_dbfs:.0f} dB"
            else:
                assert level == pytest.approx(loud_dbfs, abs=3.0), f"{name} should hear {other}"


def test_every_listener_gets_a_packet_a_tick_and_silence_is_recorded() -> None:
    people = [member("ada", np.concatenate([silence(1), tone(440, 1), silence(1)])), Member("eve")]
    with SoundRoom(*people) as room:
        room.play(3)
        times = [time_ns for time_ns, _ in room.mixes]
        assert times == [room.timeline.sound_tick_ns(n) for n in range(150)]
        for one in people:
            stamps = [packet.rtp_timestamp for packet in one.received]
            steps = {(later - earlier) % 2**32 for earlier, later in itertools.pairwise(stamps)}
            assert steps == {960}
            assert len(stamps) == 150
        # Ada hears nothing at all: her own mix is the others', and there are none.
        assert level_dbfs(people[0].sound[48_000:]) < -80
        assert level_dbfs(people[1].sound[60_000:80_000]) > -30


def test_a_muted_voice_is_gone_from_everybodys_sound() -> None:
    people = [member(name, tone(hz, 3, AMPLITUDE)) for name, hz in TONES_HZ.items()]
    with SoundRoom(*people) as room:
        room.play(1)
        people[0].heard = False
        room.play(2)
        tail = {one.name: one.sound[-48_000:] for one in people}
    for name, sound in tail.items():
        assert tone_dbfs(sound, TONES_HZ["ada"]) < -70
        assert tone_dbfs(sound, TONES_HZ["bo"]) > -40 or name == "bo"


def test_who_speaks_is_told_to_the_room_as_it_happens() -> None:
    turn, pause = recorded("ada")[: 3 * 48_000], silence(4)
    ada = member("ada", np.concatenate([turn, pause]), WEATHERS["bo"])
    bo = member("bo", np.concatenate([pause, recorded("zoe")[: 3 * 48_000]]), WEATHERS["ada"])
    with SoundRoom(ada, bo) as room:
        room.play(7)
        told = [(round((at_ns - START_NS) / 1e6), speech.dominant) for at_ns, speech in room.speeches]
        floors = [(at_ms, who) for n, (at_ms, who) in enumerate(told) if n == 0 or told[n - 1][1] != who]
        assert [who for _, who in floors] in (["ada", "bo"], [None, "ada", "bo"])
        assert floors[-1][0] - 4_000 <= 700
        assert room.sounds.speech.dominant == "bo"
        assert room.sounds.speech.last_spoke_ns["ada"] < START_NS + 4_000 * 10**6

"""What listeners hear, decoded from what reaches them: whose voice, without clicks, and how little a silence takes."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import cast

import numpy as np
import pytest

from mcu.clock import NS_PER_MS
from mcu.frames import PLAIN_SOUND, AudioPacket, SoundForm
from mcu.media.decoding import VideoDecoding
from mcu.media.opus import OpusDecoder, Samples, has_fec, packet_samples
from mcu.media.playout import Playout
from mcu.room.link import Link
from mcu.room.listening import MOST_HELD, OWN_MIX_HOLD_NS, Listening
from mcu.room.loss_guard import CALM_NS, GUARDS, LossGuard, quantile
from mcu.room.snapshot import SoundInput
from mcu.rtc.listener import Reception
from mcu.rtc.sender import AudioFanout
from mixer.sound import Mixed, SoundMixer, Sums
from mixer.timeline import SOUND_TICK_NS, SOUND_TICK_SAMPLES
from tests.mcu.rtc.packets import IDENTITY, HeldClock, Viewer, Viewers

SILENCE = np.zeros(SOUND_TICK_SAMPLES, np.int16)
HOLD_TICKS = OWN_MIX_HOLD_NS // SOUND_TICK_NS


def hum(hz: float, tick: int, amplitude: float = 5_000.0) -> Samples:
    """A tone that goes on from tick to tick without a seam."""
    at = (np.arange(SOUND_TICK_SAMPLES) + tick * SOUND_TICK_SAMPLES) / 48_000
    return np.rint(amplitude * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def syllables(tick: int) -> Samples:
    """What libopus takes for a voice: it swells and ebbs."""
    at = (np.arange(SOUND_TICK_SAMPLES) + tick * SOUND_TICK_SAMPLES) / 48_000
    swell = 0.2 + 0.8 * np.clip(np.sin(2 * np.pi * 3.2 * at), 0, 1)
    return np.rint(6_000 * swell * np.sin(2 * np.pi * 317 * at)).astype(np.int16)


def tone_of(samples: Samples, hz: float) -> float:
    """How much of a tone there is, as its amplitude."""
    at = np.arange(samples.size) / 48_000
    return float(abs(np.mean(samples * np.hanning(samples.size) * 4 * np.exp(-2j * np.pi * hz * at))))


class Hall:
    """A room's sending half: ticks are played by hand, and everybody's packets arrive at once."""

    def __init__(self, viewers: Viewers, *, bitrate_bps: int = 32_000, music: bool = False) -> None:
        self.fanout = AudioFanout(IDENTITY)
        self.listening = Listening(self.fanout, bitrate_bps=bitrate_bps, music=music)
        self.people: dict[str, Viewer] = {}
        self.tick = 0
        self._viewers = viewers
        self._mixer = SoundMixer()
        self._playout = Playout()

    def enter(self, who: str, form: SoundForm = PLAIN_SOUND, *, dtx: bool = False) -> Viewer:
        one = self.people[who] = self._viewers(form=form, dtx=dtx)
        self.fanout.add(one.downlink)
        return one

    def play(self, **voices: Samples) -> None:
        """One tick in which these people contribute."""
        self.send(self._mixer.mix(voices))

    def send(self, mixed: Mixed) -> None:
        sounds = tuple(
            SoundInput(who, self._playout, heard=True, gain=1.0, downlink=one.downlink)
            for who, one in self.people.items()
        )
        self.listening.send(sounds, mixed, 7_000_000 + self.tick * SOUND_TICK_NS)
        self.tick += 1

    def leave(self, who: str) -> None:
        self.fanout.remove(self.people.pop(who).downlink)

    def close(self) -> None:
        self.listening.close()
        self.fanout.close()
        self._playout.close()


@pytest.fixture
def viewers() -> Iterator[Viewers]:
    with Viewers(HeldClock()) as made:
        yield made


@pytest.fixture
def hall(viewers: Viewers) -> Iterator[Hall]:
    hall = Hall(viewers)
    yield hall
    hall.close()


def packets(one: Viewer) -> list[AudioPacket]:
    """Everything that has reached somebody so far."""
    one.receive()
    return one.notes.sounds


def decoded(sent: Sequence[AudioPacket], channels: int = 1) -> Samples:
    decoder = OpusDecoder(channels)
    return np.concatenate([decoder.decode(packet.payload) for packet in sent])


def timestamp_steps(sent: Sequence[AudioPacket]) -> set[int]:
    return {(later.rtp_timestamp - earlier.rtp_timestamp) & 0xFFFF_FFFF for earlier, later in pairwise(sent)}


def numbered_without_gap(sent: Sequence[AudioPacket]) -> bool:
    return all((later.sequence_number - earlier.sequence_number) & 0xFFFF == 1 for earlier, later in pairwise(sent))


def test_one_stream_for_all_who_listen_and_one_for_each_who_speaks(hall: Hall) -> None:
    for who in ("ada", "ben", "cy", "di", "ed"):
        hall.enter(who)
    for tick in range(50):
        hall.play(ada=hum(440, tick), ben=hum(1_030, tick))
    assert (hall.listening.encodes, hall.listening.streams) == (150, 3)
    heard = {who: decoded(packets(one))[9_600:] for who, one in hall.people.items()}
    assert [packet.payload for packet in hall.people["cy"].notes.sounds] == [
        packet.payload for packet in hall.people["ed"].notes.sounds
    ]
    for who, (of_ada, of_ben) in {"ada": (0, 5_000), "ben": (5_000, 0), "cy": (5_000, 5_000)}.items():
        assert tone_of(heard[who], 440) == pytest.approx(of_ada, rel=0.25, abs=60)
        assert tone_of(heard[who], 1_030) == pytest.approx(of_ben, rel=0.25, abs=60)


def test_where_everybody_speaks_nothing_is_encoded_for_listeners(hall: Hall) -> None:
    hall.enter("ada")
    hall.enter("ben")
    for tick in range(20):
        hall.play(ada=hum(440, tick), ben=hum(1_030, tick))
    assert hall.listening.encodes == 40
    hall.leave("ada")
    hall.leave("ben")
    for tick in range(20):
        hall.play(cy=hum(440, tick))
    assert (hall.listening.encodes, hall.listening.streams) == (40, 0)


@pytest.mark.parametrize("packet_ms", [20, 40, 60])
@pytest.mark.parametrize("hz", [440, 2_210])
def test_the_change_to_ones_own_mix_and_back_makes_no_click(hall: Hall, hz: float, packet_ms: int) -> None:
    """The others' tone goes on while somebody begins and stops to speak: so must what the speaker hears of it."""
    form = SoundForm(20) if packet_ms == 20 else SoundForm(40) if packet_ms == 40 else SoundForm(60)
    one, steady = hall.enter("ada", form), hall.enter("cy", form)
    speaks = [*range(61, 90), *range(90 + HOLD_TICKS + 32, 90 + HOLD_TICKS + 40)]
    for tick in range(2 * HOLD_TICKS + 200):
        voices = {"ben": hum(hz, tick)}
        if tick in speaks:
            voices["ada"] = SILENCE + np.int16(1)
        hall.play(**voices)
        assert hall.listening.streams <= 2
    sent = packets(one)
    assert timestamp_steps(sent) == {48 * packet_ms}
    assert numbered_without_gap(sent)
    heard = decoded(sent).astype(np.float64)[24_000:]
    usual = decoded(packets(steady)).astype(np.float64)[24_000:]
    assert hall.fanout.statistics.own > 0
    # The second difference of a sine is the sine, smaller; a click stands out of it.
    assert np.abs(np.diff(heard, 2)).max() < 1.5 * np.abs(np.diff(usual, 2)).max()
    loudness = [np.sqrt(np.mean(part**2)) for part in heard.reshape(-1, SOUND_TICK_SAMPLES)]
    assert min(loudness) > 0.8 * np.median(loudness)
    assert max(loudness) < 1.2 * np.median(loudness)


def test_a_stream_that_nobody_shared_until_now_makes_no_click_either(hall: Hall) -> None:
    one = hall.enter("ada")
    for tick in range(HOLD_TICKS + 250):
        voices = {"ben": hum(700, tick)}
        if 100 <= tick < 120:
            voices["ada"] = SILENCE + np.int16(1)
        hall.play(**voices)
        assert hall.listening.streams == 1
    assert 0 < hall.fanout.statistics.own < HOLD_TICKS + 250 - 100
    heard = decoded(packets(one)).astype(np.float64)
    usual = heard[24_000:90_000]
    assert np.abs(np.diff(heard[24_000:], 2)).max() < 1.5 * np.abs(np.diff(usual, 2)).max()


def test_who_has_fallen_silent_shares_again_after_a_while(hall: Hall) -> None:
    hall.enter("ada")
    hall.enter("cy")
    hall.play(ada=hum(440, 0), ben=hum(1_030, 0))
    for tick in range(1, HOLD_TICKS + 1):
        hall.play(ben=hum(1_030, tick))
    assert hall.listening.streams == 2
    hall.play(ben=hum(1_030, HOLD_TICKS + 1))
    assert hall.listening.streams == 1


def test_however_many_take_turns_only_so_many_streams_are_held(hall: Hall) -> None:
    for n in range(12):
        hall.enter(f"p{n}")
    for tick in range(60):
        hall.play(**{f"p{tick % 12}": hum(440, tick), "p11": hum(1_030, tick)})
        assert hall.listening.streams <= 1 + 2 + MOST_HELD
    sent = packets(hall.people["p0"])
    assert timestamp_steps(sent) == {960}
    assert numbered_without_gap(sent)


def test_a_silence_costs_no_encoding_and_hardly_a_packet_where_dtx_is_agreed_on(hall: Hall) -> None:
    agreed, plain = hall.enter("ada", dtx=True), hall.enter("ben")
    for tick in range(50):
        hall.play(cy=hum(440, tick))
    for _ in range(250):
        hall.play()
    before = hall.listening.encodes
    for _ in range(500):
        hall.play()
    assert hall.listening.encodes == before
    assert before < 75
    for tick in range(50):
        hall.play(cy=hum(440, tick))
    assert len(packets(plain)) == 850
    assert timestamp_steps(packets(plain)) == {960}
    assert max(len(packet.payload) for packet in packets(plain)[100:800]) <= 2
    sent = packets(agreed)
    assert numbered_without_gap(sent)
    assert len(sent) < 100 + 25 + 15 * 2.5 + 2
    # Nothing is lost by it: the sound that follows stands where it belongs, and is the same.
    assert (sent[-1].rtp_timestamp - sent[0].rtp_timestamp) & 0xFFFF_FFFF == 849 * 960
    assert max(timestamp_steps(sent)) == 20 * 960
    assert [packet.payload for packet in sent[-50:]] == [packet.payload for packet in packets(plain)[-50:]]
    assert tone_of(decoded(sent[-40:]), 440) == pytest.approx(5_000, rel=0.2)


def test_the_marker_tells_of_sound_after_packets_were_left_out(hall: Hall) -> None:
    agreed, plain = hall.enter("ada", dtx=True), hall.enter("ben")
    for _ in range(100):
        hall.play()
    for tick in range(10):
        hall.play(cy=hum(440, tick))
    marked = [bool(packet[1] & 0x80) for packet in agreed.plain(agreed.pending())]
    assert [at for at, marker in enumerate(marked) if marker] == [len(marked) - 10]
    assert not any(packet[1] & 0x80 for packet in plain.plain(plain.pending()))


def test_packet_times_are_those_asked_for_and_cost_an_encoder_only_meanwhile(hall: Hall) -> None:
    low, lower, usual = hall.enter("ada", SoundForm(40)), hall.enter("ben", SoundForm(60)), hall.enter("cy")
    for tick in range(120):
        hall.play(di=hum(440, tick))
    assert hall.listening.streams == 3
    for one, packet_ms in ((low, 40), (lower, 60), (usual, 20)):
        sent = packets(one)
        assert {packet_samples(packet.payload) for packet in sent} == {48 * packet_ms}
        assert timestamp_steps(sent) == {48 * packet_ms}
        assert len(sent) in (120 * 20 // packet_ms, 120 * 20 // packet_ms - 1)
        assert tone_of(decoded(sent)[9_600:], 440) == pytest.approx(5_000, rel=0.2)
    # The timestamp of a packet is that of its first sample, whatever its length.
    ends = {
        (sent[-1].rtp_timestamp + packet_samples(sent[-1].payload)) & 0xFFFF_FFFF
        for sent in (packets(low), packets(lower), packets(usual))
    }
    assert max(ends) - min(ends) <= 2 * 960
    hall.leave("ada")
    hall.leave("ben")
    hall.play()
    assert hall.listening.streams == 1
    hall.leave("cy")
    hall.play()
    assert hall.listening.streams == 0


def test_two_channels_go_to_those_who_asked_and_one_to_the_rest(hall: Hall) -> None:
    wide, narrow = hall.enter("ada", SoundForm(20, 2)), hall.enter("ben")
    zero = Sums(np.zeros(SOUND_TICK_SAMPLES, np.int32), {})
    for tick in range(60):
        hall.send(Mixed(np.stack((hum(440, tick), hum(1_030, tick)), axis=1), {}, zero))
    assert hall.listening.streams == 2
    both = decoded(packets(wide), 2)[9_600:]
    assert tone_of(both[:, 0], 440) > 8 * tone_of(both[:, 1], 440)
    assert tone_of(both[:, 1], 1_030) > 8 * tone_of(both[:, 0], 1_030)
    folded = decoded(packets(narrow))[9_600:]
    assert tone_of(folded, 440) == pytest.approx(2_500, rel=0.25)
    assert tone_of(folded, 1_030) == pytest.approx(2_500, rel=0.25)
    assert all(not packet.payload[0] & 4 for packet in packets(narrow))
    for tick in range(10):
        hall.play(cy=hum(440, tick))
    assert hall.listening.streams == 1
    assert packets(wide)[-1].payload == packets(narrow)[-1].payload


def fec_share(sent: Sequence[AudioPacket]) -> float:
    return sum(has_fec(packet.payload) for packet in sent) / len(sent)


def bitrate_bps(sent: Sequence[AudioPacket]) -> float:
    return sum(len(packet.payload) for packet in sent) * 8 * 50 / len(sent)


def test_copies_are_sent_while_listeners_report_losses(hall: Hall) -> None:
    one = hall.enter("ada")
    lane = one.downlink.audio
    assert lane is not None

    def seconds(count: int) -> list[AudioPacket]:
        seen = len(packets(one))
        for _ in range(50 * count):
            hall.play(cy=syllables(hall.tick))
        return packets(one)[seen:]

    clean = seconds(2)
    assert fec_share(clean) == 0
    lane.fraction_lost = 0.05
    seconds(1)
    guarded = seconds(3)
    assert fec_share(guarded) > 0.4
    assert bitrate_bps(guarded) > 1.1 * bitrate_bps(clean)
    lane.fraction_lost = 0.0
    seconds(CALM_NS // (1_000 * NS_PER_MS) - 1)
    assert fec_share(seconds(1)) > 0.4
    seconds(3)
    assert fec_share(seconds(1)) == 0


def test_what_a_listener_reports_of_the_sound_reaches_their_stream(hall: Hall) -> None:
    one = hall.enter("ada")
    lane = one.downlink.audio
    link = Link(
        "ada",
        "main",
        decoding=cast(VideoDecoding, None),
        playout=None,
        lipsync=None,
        on_state=lambda *news: None,
        on_keyframe_request=lambda asking: None,
    )
    link.on_reception(Reception("audio", 0.5, None, None))  # before anything is sent to them
    link.served = one.downlink
    link.on_reception(Reception("video", 0.5, None, None))
    assert lane is not None
    assert lane.fraction_lost == 0.0
    link.on_reception(Reception("audio", 0.25, None, None))
    assert lane.fraction_lost == 0.25


def test_a_speaker_is_guarded_by_what_they_report_themselves(hall: Hall) -> None:
    bad, good = hall.enter("ada"), hall.enter("ben")
    assert bad.downlink.audio is not None
    bad.downlink.audio.fraction_lost = 0.08
    for tick in range(100):
        hall.play(ada=syllables(tick), ben=syllables(tick), cy=syllables(tick))
    assert fec_share(packets(bad)) > 0.4
    assert fec_share(packets(good)) == 0


def test_one_in_twenty_does_not_decide_for_all() -> None:
    assert quantile([0.3] + [0.0] * 19) == 0.0
    assert quantile([0.3] * 3 + [0.0] * 17) == 0.3
    assert quantile([0.3, 0.0, 0.0]) == 0.3
    assert quantile([]) == 0.0


def test_the_guard_rises_at_once_and_falls_one_step_at_a_time_when_it_is_calm() -> None:
    guard, second = LossGuard(), 1_000 * NS_PER_MS
    assert guard.judge([0.5], 0) is GUARDS[2]
    assert guard.judge([0.04], second) is GUARDS[2]
    assert guard.judge([0.06], 8 * second) is GUARDS[2]  # too bad for the step below: the calm begins anew
    assert guard.judge([0.04], 9 * second) is GUARDS[2]
    assert guard.judge([0.04], 9 * second + CALM_NS - 1) is GUARDS[2]
    assert guard.judge([0.04], 9 * second + CALM_NS) is GUARDS[1]
    assert guard.judge([0.04], 99 * second) is GUARDS[1]
    assert guard.judge([0.0], 100 * second) is GUARDS[1]
    assert guard.judge([0.0], 100 * second + CALM_NS) is GUARDS[0]


def test_music_keeps_what_a_voice_does_not_need(viewers: Viewers) -> None:
    """Two tones and a hiss, far above what a telephone carries."""
    noise = np.random.default_rng(3).normal(0, 600, (100, SOUND_TICK_SAMPLES))
    errors = {}
    for music, bitrate in ((False, 32_000), (True, 96_000)):
        hall = Hall(viewers, bitrate_bps=bitrate, music=music)
        one = hall.enter("ada")
        assert one.downlink.audio is not None
        one.downlink.audio.fraction_lost = 0.2
        given = [
            (hum(660, tick, 3_000) + hum(9_000, tick, 2_000) + noise[tick]).astype(np.int16) for tick in range(100)
        ]
        for chunk in given:
            hall.play(cy=chunk)
        sent = packets(one)
        heard, whole = decoded(sent).astype(np.float64), np.concatenate(given).astype(np.float64)
        part = whole[48_000:72_000]
        # The encoder's delay is between 2.5 and 15 ms.
        errors[music] = min(np.std(heard[48_000 + lag : 72_000 + lag] - part) for lag in range(120, 720))
        assert not (music and any(has_fec(packet.payload) for packet in sent))
        hall.close()
    assert errors[True] < 0.5 * errors[False]


def test_a_tick_that_was_skipped_is_a_hole_and_not_a_shift(hall: Hall) -> None:
    one = hall.enter("ada", SoundForm(40))
    for tick in range(61):
        if tick in (20, 41):
            hall.tick += 1
            continue
        hall.play(cy=hum(440, tick))
    sent = packets(one)
    assert timestamp_steps(sent) == {1_920, 3_840}
    assert numbered_without_gap(sent)


def test_closing_twice_frees_everything(hall: Hall) -> None:
    hall.enter("ada")
    hall.play(cy=hum(440, 0))
    hall.listening.close()
    hall.listening.close()


def test_a_stranger_to_the_fan_out_gets_no_encoder(hall: Hall, viewers: Viewers) -> None:
    """Somebody who speaks here and hears another group is encoded for there."""
    one = hall.enter("ada")
    hall.fanout.remove(one.downlink)
    hall.play(ada=hum(440, 0))
    assert (hall.listening.encodes, hall.listening.streams) == (0, 0)
    assert packets(one) == []

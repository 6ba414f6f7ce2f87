"""libopus, called directly: sound survives, losses are covered, damage is reported."""

import gc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu.media import opus
from mcu.media.opus import OpusDecoder, OpusEncoder, OpusError, OpusUnavailable, Samples, has_fec, packet_samples

RATE_HZ = 48_000


def tone(samples: int, hz: float = 317.0, amplitude: float = 6_000.0) -> Samples:
    at = np.arange(samples) / RATE_HZ
    # It swells and ebbs like syllables: libopus puts FEC only where it hears a voice.
    swell = 0.2 + 0.8 * np.clip(np.sin(2 * np.pi * 3.2 * at), 0, 1)
    return np.rint(amplitude * swell * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def share_at(samples: Samples, hz: float) -> float:
    """The part of a signal's power within 20 Hz of a frequency."""
    power = np.abs(np.fft.rfft(samples.astype(np.float64) * np.hanning(samples.size))) ** 2
    near = np.abs(np.fft.rfftfreq(samples.size, 1 / RATE_HZ) - hz) <= 20
    return float(power[near].sum() / power.sum())


def frames(samples: Samples, size: int = 960) -> list[Samples]:
    return [samples[start : start + size] for start in range(0, samples.size - size + 1, size)]


def test_a_tone_goes_through() -> None:
    encoder, decoder = OpusEncoder(32_000), OpusDecoder()
    packets = [encoder.encode(frame) for frame in frames(tone(RATE_HZ))]
    decoded = [decoder.decode(packet) for packet in packets]
    assert all(part.dtype == np.int16 and part.shape == (960,) for part in decoded)
    whole = np.concatenate(decoded)
    assert share_at(whole[9_600:], 317.0) > 0.98
    assert loudness(whole) == pytest.approx(loudness(tone(RATE_HZ)), rel=0.1)
    assert 60 < np.mean([len(packet) for packet in packets]) < 110


@pytest.mark.parametrize("size", sorted(opus.FRAME_SAMPLES))
def test_frames_of_every_duration(size: int) -> None:
    encoder, decoder = OpusEncoder(64_000), OpusDecoder()
    for frame in frames(tone(4 * 2_880), size):
        packet = encoder.encode(frame)
        assert packet_samples(packet) == size
        assert decoder.decode(packet).shape == (size,)


def test_stereo_is_folded_to_mono() -> None:
    encoder, decoder, both = OpusEncoder(64_000, channels=2), OpusDecoder(), OpusDecoder(channels=2)
    left = tone(9_600)
    for frame in frames(left):
        packet = encoder.encode(np.stack((frame, np.zeros(960, np.int16)), axis=1))
        mono, stereo = decoder.decode(packet), both.decode(packet)
    assert mono.shape == (960,)
    assert stereo.shape == (960, 2)
    assert loudness(mono) == pytest.approx(loudness(left[-960:]) / 2, rel=0.2)


def test_a_lost_packet_comes_back_from_its_successor() -> None:
    encoder = OpusEncoder(48_000, expected_loss=0.1)
    packets = [encoder.encode(frame) for frame in frames(tone(RATE_HZ))]
    lost = next(n for n in range(10, 49) if has_fec(packets[n + 1]))
    complete = OpusDecoder()
    whole = [complete.decode(packet) for packet in packets]
    lossy = OpusDecoder()
    for packet in packets[:lost]:
        lossy.decode(packet)
    recovered = lossy.decode_fec(packets[lost + 1], 960)
    assert recovered.shape == (960,)
    error = loudness((recovered.astype(np.int32) - whole[lost]).astype(np.int16))
    assert error < 0.5 * loudness(whole[lost])
    # The packet itself still follows, and the stream closes up behind it.
    assert lossy.decode(packets[lost + 1]).shape == (960,)


def test_only_the_end_of_a_hole_is_asked_of_the_copy() -> None:
    encoder, decoder = OpusEncoder(48_000, expected_loss=0.2), OpusDecoder()
    packets = [encoder.encode(frame) for frame in frames(tone(RATE_HZ))]
    decoder.decode(packets[0])
    assert decoder.decode_fec(packets[2], 360).shape == (360,)


def test_concealment_goes_on_with_the_sound_and_dies_away() -> None:
    encoder, decoder = OpusEncoder(32_000), OpusDecoder()
    for frame in frames(tone(9_600)):
        last = decoder.decode(encoder.encode(frame))
    first = decoder.conceal(960)
    assert first.shape == (960,)
    assert loudness(first) > 0.3 * loudness(last)
    for _ in range(30):
        faded = decoder.conceal(960)
    assert loudness(faded) < 0.2 * loudness(first)
    assert decoder.conceal(100).shape == (120,)


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x03\x00", bytes(opus.MAX_PAYLOAD_BYTES + 1)])
def test_damaged_packets_are_refused_and_the_decoder_lives_on(payload: bytes) -> None:
    encoder, decoder = OpusEncoder(32_000), OpusDecoder()
    decoder.decode(encoder.encode(tone(960)))
    with pytest.raises(OpusError):
        decoder.decode(payload)
    with pytest.raises(OpusError):
        packet_samples(payload)
    assert loudness(decoder.decode(encoder.encode(tone(960)))) > 100


@given(payload=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_bounded_sound_or_an_error(payload: bytes) -> None:
    decoder = OpusDecoder()
    try:
        decoded = decoder.decode(payload)
    except OpusError:
        return
    assert decoded.shape == (packet_samples(payload),)
    assert decoded.size <= opus.MAX_PACKET_SAMPLES
    assert has_fec(payload) in (True, False)
    assert decoder.decode_fec(payload, 960).shape == (960,)


def test_dtx_says_little_about_silence() -> None:
    encoder = OpusEncoder(24_000, dtx=True)
    for frame in frames(tone(RATE_HZ)):
        encoder.encode(frame)
    sizes = [len(encoder.encode(np.zeros(960, np.int16))) for _ in range(50)]
    assert sum(size <= 2 for size in sizes[20:]) > 20


@pytest.mark.parametrize("size", [960, 1_920, 2_880])
@pytest.mark.parametrize("music", [False, True])
def test_a_packet_that_stands_for_silence_is_as_long_and_as_silent(size: int, music: bool) -> None:
    encoder, decoder = OpusEncoder(48_000, music=music), OpusDecoder()
    for frame in frames(tone(RATE_HZ), size):
        decoder.decode(encoder.encode(frame))
    for _ in range(10):
        last = encoder.encode(np.zeros(size, np.int16))
        decoder.decode(last)
    silence = opus.silence_like(last)
    assert len(silence) <= 2
    assert packet_samples(silence) == size
    for _ in range(20):
        assert np.abs(decoder.decode(silence)).max() <= 16


def test_a_reset_encoder_begins_anew() -> None:
    fresh, used = OpusEncoder(32_000), OpusEncoder(32_000)
    for frame in frames(tone(9_600, 1_000)):
        used.encode(frame)
    used.reset()
    assert used.encode(tone(960)) == fresh.encode(tone(960))


def test_no_packet_is_longer_than_asked() -> None:
    noise = np.random.default_rng(1).normal(0, 8_000, 2_880).astype(np.int16)
    assert len(OpusEncoder(256_000, music=True).encode(noise)) > 1_200
    assert len(OpusEncoder(256_000, music=True, max_packet_bytes=1_200).encode(noise)) <= 1_200


def test_the_bitrate_changes_while_it_runs() -> None:
    encoder = OpusEncoder(16_000)
    slow = sum(len(encoder.encode(frame)) for frame in frames(tone(RATE_HZ)))
    encoder.set_bitrate(96_000)
    fast = sum(len(encoder.encode(frame)) for frame in frames(tone(RATE_HZ)))
    assert fast > 2.5 * slow


def test_expecting_loss_adds_copies() -> None:
    encoder = OpusEncoder(48_000)
    assert not any(has_fec(encoder.encode(frame)) for frame in frames(tone(RATE_HZ)))
    encoder.set_expected_loss(0.1)
    assert sum(has_fec(encoder.encode(frame)) for frame in frames(tone(RATE_HZ))) > 10


@pytest.mark.parametrize(
    "pcm",
    [np.zeros(961, np.int16), np.zeros(0, np.int16), np.zeros(960, np.float32), np.zeros(5_760, np.int16)],
)
def test_what_is_no_frame_is_refused(pcm: Samples) -> None:
    with pytest.raises(OpusError, match="cannot encode"):
        OpusEncoder(32_000).encode(pcm)


def test_values_libopus_does_not_take_are_refused() -> None:
    with pytest.raises(OpusError):
        OpusEncoder(32_000, complexity=11)
    with pytest.raises(OpusError):
        OpusEncoder(32_000, channels=3)
    with pytest.raises(OpusError):
        OpusDecoder(channels=3)


def test_close_is_final_and_may_be_repeated() -> None:
    encoder, decoder = OpusEncoder(32_000), OpusDecoder()
    packet = encoder.encode(tone(960))
    for _ in range(2):
        encoder.close()
        decoder.close()
    with pytest.raises(OpusError, match="closed"):
        encoder.encode(tone(960))
    with pytest.raises(OpusError, match="closed"):
        decoder.decode(packet)


def test_forgotten_codecs_are_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[object] = []
    monkeypatch.setattr(OpusDecoder, "close", lambda decoder: closed.append(decoder._library))
    OpusDecoder()
    gc.collect()
    assert len(closed) == 1


def test_without_libopus_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "libopus-broken.so"
    broken.write_bytes(b"not a library")
    monkeypatch.setattr(opus, "_places", lambda: iter([str(broken)]))
    opus.load_library.cache_clear()
    try:
        with pytest.raises(OpusUnavailable, match="install the av wheel"):
            OpusDecoder()
    finally:
        opus.load_library.cache_clear()

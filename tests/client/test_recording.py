"""A participant's own recording: times that make sense, and a file that plays."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.audio.frame import AudioFrame

from client.cards import TestCard
from client.errors import ClientError
from client.frames import rgb
from client.recording import Anchor, Recorder
from client.sources import Tone
from tests.kit.cards import read_card
from tests.kit.media import read_media
from tests.kit.tones import hears


def test_times_follow_rtp_through_jitter_and_wrap() -> None:
    anchor = Anchor(90_000)
    first = 2**32 - 4500
    placed = [anchor.place(first + 4500 * number, 1.0 + number / 20 + 0.03 * (number % 3)) for number in range(40)]
    assert placed == pytest.approx([1.0 + number / 20 for number in range(40)])


def test_a_stream_that_begins_anew_is_tied_to_its_arrival() -> None:
    anchor = Anchor(90_000)
    assert anchor.place(1000, 1.0) == 1.0
    assert anchor.place(3_000_000_000, 5.0) == 5.0
    assert anchor.place(3_000_004_500, 5.06) == pytest.approx(5.05)
    assert anchor.place(3_000_000_000, 5.1) == pytest.approx(5.05), "never backwards"


async def test_the_file_holds_what_was_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three seconds, with a hole of one second in the sound."""
    now = [100.0]
    monkeypatch.setattr("client.recording.time.monotonic", lambda: now[0])
    recorder = Recorder(tmp_path / "kept.mp4")
    card, tone = TestCard(30, 5, fps=20), Tone(440)
    for tick in range(150):
        now[0] = 100.0 + tick / 50
        if tick % 5 in (0, 2):
            frame = await card.picture(tick)
            frame.pts = tick * 1800
            recorder.put(frame)
        if not 50 <= tick < 100:
            samples = np.repeat(await tone.sound(tick), 2).reshape(1, -1)
            sound = AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            sound.sample_rate, sound.pts, sound.time_base = 48_000, tick * 960, Fraction(1, 48_000)
            recorder.put(sound)
    recorder.close()
    recorder.close()
    kept = recorder.result()
    assert (kept.pictures, kept.dropped) == (60, 0)
    film = read_media(kept.path)
    assert film.times_s[-1] == pytest.approx(147 / 50, abs=0.01)
    assert [reading.counter if (reading := read_card(rgb(picture))) else None for picture in film.pictures] == [
        tick for tick in range(150) if tick % 5 in (0, 2)
    ]
    assert len(film.samples) / 48_000 == pytest.approx(3.0, abs=0.05)
    assert hears(film.samples[10_000:40_000], 440)
    assert not hears(film.samples[60_000:90_000], 440)
    assert hears(film.samples[110_000:130_000], 440)


def test_nothing_received_is_said(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "none.mp4")
    recorder.close()
    with pytest.raises(ClientError, match="no picture came"):
        recorder.result()


async def test_a_path_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "no" / "such" / "folder.mp4")
    recorder.put(await TestCard(30).picture(0))
    recorder.close()
    with pytest.raises(ClientError, match="could not be written"):
        recorder.result()

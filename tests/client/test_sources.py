"""What sources answer at an index: files in real time, voices in turn, clips that start over with a keyframe."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from client.cards import TestCard
from client.clips import Clip
from client.errors import SourceFailed
from client.files import FileSource, TurnTaking
from client.frames import rgb
from client.sources import Beep, EncodedSource, Flash, Tone, VideoCodec, VideoSource
from samples.scenes import MEDIA
from tests.kit.cards import read_card
from tests.kit.media import write_media
from tests.kit.tones import hears, level_dbfs, tone_dbfs

FPS = 20


@pytest.fixture
async def film(tmp_path: Path) -> AsyncIterator[FileSource]:
    """Two seconds of a test card at 1280×720, with 440 Hz in the first second and 880 Hz in the second."""
    card = TestCard(200, 4, width=1280, height=720, fps=FPS)
    pictures = [await card.picture(index) for index in range(2 * FPS)]
    sound = np.concatenate([await Tone(440 if index < 50 else 880, 0.5).sound(index) for index in range(100)])
    path = tmp_path / "film.mp4"
    write_media(path, pictures, FPS, sound)
    source = FileSource(path)
    yield source
    await source.close()


async def counter(source: FileSource, index: int) -> int:
    assert source.video is not None
    frame = await source.video.picture(index)
    assert (frame.width, frame.height, frame.format.name) == (640, 360, "yuv420p")
    reading = read_card(rgb(frame))
    assert reading is not None
    return reading.counter


async def test_a_film_plays_in_real_time_and_starts_over(film: FileSource) -> None:
    assert film.video is not None
    assert film.video.fps == FPS
    assert [await counter(film, index) for index in (0, 1, 7, 39)] == [0, 1, 7, 39]
    assert await counter(film, 45) == pytest.approx(5, abs=1), "the file's sound is a little longer than its pictures"


async def test_a_films_sound_keeps_up_with_its_pictures(film: FileSource) -> None:
    assert film.audio is not None
    heard = np.concatenate([await film.audio.sound(index) for index in range(60, 90)])
    assert hears(heard, 880)
    assert not hears(heard, 440)
    again = np.concatenate([await film.audio.sound(index) for index in range(110, 140)])
    assert hears(again, 440)


async def test_a_film_that_is_not_looped_falls_silent(film: FileSource, tmp_path: Path) -> None:
    once = FileSource(tmp_path / "film.mp4", loop=False)
    assert once.audio is not None
    assert await counter(once, 200) == 39
    assert level_dbfs(await once.audio.sound(300)) == -120.0
    await once.close()


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a film")
    for path in (tmp_path / "text.mp4", tmp_path / "missing.mp4"):
        with pytest.raises(SourceFailed, match="can't be played"):
            FileSource(path)
        with pytest.raises(SourceFailed, match="can't be played"):
            TurnTaking(path, 0, 2)


async def test_voices_take_turns() -> None:
    voices = [
        TurnTaking(MEDIA / f"{name}.ogg", slot, 4, 3.0) for slot, name in enumerate(("ada", "minjun", "zoe", "julia"))
    ]
    for second in range(0, 24, 3):
        heard = [
            level_dbfs(np.concatenate([await voice.sound(tick) for tick in range(second * 50, second * 50 + 150)]))
            for voice in voices
        ]
        turn = second // 3 % 4
        assert heard[turn] > -35.0, "whoever's turn it is can be heard"
        assert all(level == -120.0 for slot, level in enumerate(heard) if slot != turn)
    last = await voices[0].sound(149)
    assert abs(int(last[-1])) < 50, "a turn that is cut short fades out"


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_a_clip_goes_round_without_a_seam(codec: VideoCodec) -> None:
    card = TestCard(90, 2, fps=FPS)
    pictures = [await card.picture(index) for index in range(30)]
    clip = Clip(lambda: pictures, 30, FPS, kbps=300)
    assert isinstance(clip, EncodedSource)
    assert isinstance(card, VideoSource)
    assert not isinstance(card, EncodedSource)
    assert clip.gop == 15, "keyframes divide the loop evenly"
    decoder = VideoCodecContext.create("h264" if codec == "H264" else "vp8", "r")
    decoder.thread_count = 1
    seen = [frame for index in range(15, 75) for frame in decoder.decode(await clip.packet(index, codec))]
    seen += decoder.decode(None)
    readings = [read_card(rgb(frame)) for frame in seen]
    assert [reading and reading.counter for reading in readings] == [index % 30 for index in range(15, 75)]
    assert sum(frame.key_frame for frame in seen) == 4


async def test_a_clip_shorter_than_promised_is_refused() -> None:
    card = TestCard(90, 2)
    pictures = [await card.picture(index) for index in range(5)]
    with pytest.raises(SourceFailed, match="10 pictures"):
        await Clip(lambda: pictures, 10, FPS).prepare()


async def test_flash_and_beep_come_together() -> None:
    flash, beep = Flash(fps=25), Beep(1000)
    lit = [index / 25 for index in range(50) if rgb(await flash.picture(index)).mean() > 128]
    loud = [index / 50 for index in range(100) if level_dbfs(await beep.sound(index)) > -20]
    assert lit[0] == loud[0] == 0.0
    assert min(t for t in lit if t > 0.5) == min(t for t in loud if t > 0.5) == 1.0
    assert tone_dbfs(await beep.sound(0), 1000) == pytest.approx(-6.0, abs=0.1)


@pytest.mark.parametrize(("frequency_hz", "level"), [(0, 0.5), (24_000, 0.5), (440, 1.5)])
def test_impossible_tones_are_refused(frequency_hz: float, level: float) -> None:
    with pytest.raises(ValueError, match="must be within"):
        Tone(frequency_hz, level)

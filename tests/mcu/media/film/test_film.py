"""Films in media time: each picture and each sample when it is due, through pauses, seeks and rounds."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.errors import McuError
from mcu.media.film.film import Film
from mcu.media.film.strip import Samples
from tests.kit.clock import FakeClock
from tests.kit.eventually import eventually
from tests.kit.films import FPS, beeps, cards, flashes, tone, write_film
from tests.kit.testcard import code_of
from tests.kit.tones import hears, level_dbfs

TICK_MS = 20
FRAME_MS = 1000 // FPS


class Cinema:
    """A film, and a clock that goes on only when the film is ready for it."""

    def __init__(self, path: Path, **options: object) -> None:
        self.clock = FakeClock()
        self.ends: list[str | None] = []
        self.film = Film(path, self.clock, label="test", on_end=self.ends.append, **options)  # type: ignore[arg-type]  # the caller's affair
        self.film.start()
        self.facts = self.film.ready.result(20)

    def tick(self) -> Samples:
        """20 ms pass; what was heard in them."""
        heard = self.film.sound.pull(self.clock.now_ns())
        self.clock.advance(ms=TICK_MS)
        self.settle()
        return np.zeros(960, np.int16) if heard is None else heard

    def play(self, ms: int) -> Samples:
        return np.concatenate([self.tick() for _ in range(ms // TICK_MS)])

    def settle(self) -> None:
        """The thread has decoded as far ahead as it likes."""
        for _ in range(2):  # the first time it may have looked before the clock went on
            with self.film.screening.changed:
                rests = self.film.rests
                self.film.screening.changed.notify()
            eventually(lambda rests=rests: self.film.rests > rests or bool(self.ends))  # type: ignore[misc]  # a default binds it

    def seek(self, position_s: float) -> None:
        self.film.seek(round(position_s * NS_PER_S)).result(20)

    @property
    def code(self) -> int:
        shown = self.film.pictures.picture_at(self.clock.now_ns(), lambda picture: 0)
        assert shown is not None
        return code_of(rgb(shown.picture.planes[0]))

    @property
    def luma(self) -> float:
        shown = self.film.pictures.picture_at(self.clock.now_ns(), lambda picture: 0)
        assert shown is not None
        return float(shown.picture.y.mean())

    def close(self) -> None:
        self.film.close()
        assert self.film.join(5)


def rgb(luma: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.repeat(luma[:, :, np.newaxis], 3, axis=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for kind in ("mp4", "webm", "mkv"):
        write_film(folder / f"cards.{kind}", cards(2 * FPS), tone(2))
    for kind in ("mp4", "webm"):
        write_film(folder / f"flash.{kind}", flashes(2), beeps(2))
    write_film(folder / "mute.mp4", cards(FPS))
    write_film(folder / "song.wav", samples=tone(1))
    write_film(folder / "short.mp4", cards(FPS), tone(2))
    return folder


@pytest.fixture
def cinema(request: pytest.FixtureRequest, folder: Path) -> Iterator[Cinema]:
    name, options = request.param
    cinema = Cinema(folder / name, **options)
    yield cinema
    cinema.close()


def film(name: str, **options: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("cinema", [(name, options)], indirect=True)


@pytest.mark.parametrize("cinema", [(f"cards.{kind}", {}) for kind in ("mp4", "webm", "mkv")], indirect=True)
def test_each_picture_comes_when_it_is_due_and_the_end_is_told(cinema: Cinema) -> None:
    heard = []
    for number in range(2 * FPS):
        assert cinema.code == number
        heard += [cinema.tick(), cinema.tick()]
    eventually(lambda: cinema.ends == [None])
    sound = np.concatenate(heard)
    assert hears(sound[4_800:-4_800], 1000.0)
    assert abs(level_dbfs(sound[4_800:-4_800]) - level_dbfs(tone(1))) < 1.0


@pytest.mark.parametrize("cinema", [(f"flash.{kind}", {"loop": True}) for kind in ("mp4", "webm")], indirect=True)
def test_rounds_follow_without_a_gap_and_sound_stays_with_its_picture(cinema: Cinema) -> None:
    flashed, heard, bright = [], [], False
    for n in range(525):
        was, bright = bright, cinema.luma > 128
        if bright and not was:
            flashed.append(n * TICK_MS)
        heard.append(cinema.tick())
    sound = np.abs(np.concatenate(heard).astype(int)) > 1500
    loud = np.flatnonzero(sound)
    begun = [loud[0], *loud[1:][np.diff(loud) > 4_800]]
    assert flashed == [1000 * n for n in range(11)]
    for flash_ms, sample in zip(flashed, begun, strict=True):
        assert abs(sample / 48 - flash_ms) < 12  # AAC smears an onset by some milliseconds, always the same


@film("cards.mp4")
def test_paused_it_is_silent_and_stands_still_and_goes_on_where_it_was(cinema: Cinema) -> None:
    cinema.play(800)
    cinema.film.screening.pause()
    shown, tail = cinema.code, cinema.tick()
    assert np.abs(tail[:100]).max() > 2000
    assert np.abs(tail[-40:]).max() < 500, "it ends with a ramp, not a click"
    assert not cinema.play(3_000).any()
    assert cinema.code == shown == 800 // FRAME_MS
    assert cinema.film.screening.position_ns == 800 * NS_PER_MS
    cinema.film.screening.resume()
    assert cinema.play(200)[1_200:].any()
    assert cinema.code == 1000 // FRAME_MS


@pytest.mark.parametrize(
    "cinema", [(f"cards.{kind}", {"paused": True}) for kind in ("mp4", "webm", "mkv")], indirect=True
)
def test_a_seek_lands_on_the_picture_also_while_paused(cinema: Cinema) -> None:
    assert cinema.code == 0
    for frame in (37, 12, 20, 19, 0, 49, 1):
        cinema.seek((frame * FRAME_MS + 10) / 1000)
        assert cinema.code == frame
    cinema.film.screening.resume()
    cinema.play(200)
    assert cinema.code == 6


@film("cards.mp4", start_ns=1_000 * NS_PER_MS)
def test_it_may_begin_in_the_midst_and_be_sought_while_it_plays(cinema: Cinema) -> None:
    assert cinema.code == 25
    cinema.play(400)
    assert cinema.code == 35
    cinema.seek(0.2)
    assert cinema.code == 5
    assert hears(cinema.play(400)[4_800:], 1000.0)
    assert cinema.code == 15


@film("cards.mp4", loop=True)
def test_a_round_that_is_not_wanted_any_more_is_taken_back(cinema: Cinema) -> None:
    cinema.play(1_600)
    eventually(lambda: len(cinema.film.screening.parts) > 1)
    cinema.film.screening.set_loop(False)
    for number in range(40, 50):
        assert cinema.code == number
        cinema.play(FRAME_MS)
    eventually(lambda: cinema.ends == [None])


@film("cards.mp4")
def test_a_film_that_is_about_to_end_may_be_made_to_loop(cinema: Cinema) -> None:
    cinema.play(1_600)
    eventually(lambda: cinema.film.screening.ending)
    cinema.film.screening.set_loop(True)
    eventually(lambda: len(cinema.film.screening.parts) > 1)
    for number in (*range(40, 50), *range(60)):
        assert cinema.code == number % 50
        cinema.play(FRAME_MS)
    assert not cinema.ends


@film("cards.mp4", loop=True)
def test_what_nobody_sees_is_not_decoded_and_comes_back_in_time(cinema: Cinema) -> None:
    cinema.play(200)
    cinema.film.pictures.pause()
    assert cinema.film.pictures.peek() is None
    decoded = cinema.film.pictures.statistics.decoded
    assert hears(cinema.play(2_600), 1000.0), "a round and more passes, and is heard"
    assert cinema.film.pictures.statistics.decoded <= decoded + 1
    cinema.film.pictures.resume()
    eventually(lambda: cinema.film.pictures.peek() is not None)
    cinema.play(FRAME_MS)
    assert cinema.code == (2_800 + FRAME_MS) % 2_000 // FRAME_MS


@film("mute.mp4")
def test_pictures_alone(cinema: Cinema) -> None:
    assert (cinema.facts.pictures, cinema.facts.sound) == (True, False)
    assert not cinema.play(1_000).any()
    eventually(lambda: cinema.ends == [None])


@film("song.wav", loop=True)
def test_sound_alone_loops_without_a_gap(cinema: Cinema) -> None:
    assert (cinema.facts.pictures, cinema.facts.sound) == (False, True)
    sound = cinema.play(3_000)
    assert cinema.film.pictures.peek() is None
    # A round is 1000 whole periods: nothing tells where it begins.
    assert np.abs(sound[48_960:96_960].astype(int) - tone(2)[960:48_960]).max() <= 2


@film("short.mp4")
def test_the_last_picture_stays_for_as_long_as_there_is_sound(cinema: Cinema) -> None:
    assert hears(cinema.play(1_900)[48_000:], 1000.0)
    assert cinema.code == FPS - 1
    cinema.play(140)
    eventually(lambda: cinema.ends == [None])


def test_a_phone_held_upright_is_seen_upright(tmp_path: Path) -> None:
    path = write_film(tmp_path / "phone.mp4", cards(10, 200.0), rotation=90)
    cinema = Cinema(path, paused=True)
    shown = cinema.film.pictures.peek()
    assert shown is not None
    assert shown.picture.size.height > shown.picture.size.width
    assert shown.picture.u.shape == (96, 54)
    cinema.close()


def test_a_start_behind_the_end_is_refused(folder: Path) -> None:
    with pytest.raises(McuError, match="ends at 2"):
        Cinema(folder / "cards.mp4", start_ns=3 * NS_PER_S)


def test_a_temporary_file_is_gone_as_soon_as_it_plays(tmp_path: Path) -> None:
    path = write_film(tmp_path / "cards.mp4", cards(FPS), tone(1))
    cinema = Cinema(path, temporary=True, loop=True)
    assert not path.exists()
    cinema.play(1_400)
    assert cinema.code == 10
    cinema.close()
    assert not cinema.ends, "whoever closes it knows"

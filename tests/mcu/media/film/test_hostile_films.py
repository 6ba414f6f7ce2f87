"""Files that are no films, or too much of one, or lead elsewhere: refused with a reason, or ended with one."""

import asyncio
import random
import socket
import threading
from pathlib import Path

import pytest

from mcu.clock import SystemClock
from mcu.errors import ClientFault, NotFound, Unprocessable
from mcu.media.film.file import FilmFile, check_size, container_of
from mcu.media.film.film import Film
from mcu.media.film.reels import PictureReel, SoundReel
from tests.kit.films import FPS, cards, tone, write_film
from tests.kit.images import RED, file_of, plain

PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%s\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile '%s'\n"


def opened(path: Path) -> None:
    FilmFile(path).close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("films") / "whole.mp4", cards(2 * FPS), tone(2))


@pytest.mark.parametrize("text", [PLAYLIST, CONCAT])
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".webm"])
def test_a_playlist_opens_no_other_file(tmp_path: Path, whole: Path, text: bytes, suffix: str) -> None:
    listed = tmp_path / f"list{suffix}"
    listed.write_bytes(text % str(whole).encode())
    with pytest.raises(Unprocessable, match=r"can't be played|no file"):
        opened(listed)


def test_a_playlist_behind_a_films_first_bytes_asks_no_other_server(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        asked = threading.Event()

        def watch() -> None:
            try:
                listener.accept()[0].close()
                asked.set()
            except OSError:
                return

        watching = threading.Thread(target=watch)
        watching.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/x.ts".encode()
        path = tmp_path / "list.mp4"
        for head in (b"", b"\x00\x00\x00\x08ftyp", b"ID3\x03\x00\x00\x00\x00\x00\x00", b"OggS", b"\x1a\x45\xdf\xa3"):
            path.write_bytes(head + PLAYLIST % address)
            with pytest.raises(ClientFault):
                opened(path)
        listener.shutdown(socket.SHUT_RDWR)
        watching.join(5)
        assert not asked.is_set()


def test_a_film_that_refers_to_another_file_does_not_read_it(tmp_path: Path, whole: Path) -> None:
    """A data reference (``dref``) of MOV may name a file; here it names one that is there."""
    data = bytearray(whole.read_bytes())
    place = data.find(b"url \x00\x00\x00\x01")
    assert place > 0
    data[place : place + 8] = b"alis\x00\x00\x00\x00"
    path = tmp_path / "alias.mp4"
    path.write_bytes(data)
    try:
        reel = PictureReel(FilmFile(path))
    except Unprocessable:
        return
    reel.next()
    assert [name for name in _open_names() if name == str(whole)] == []
    reel.close()


def _open_names() -> list[str]:
    return [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


@pytest.mark.parametrize(
    "data", [b"", b"x", b"hello there, this is text", bytes(64), b"\x00\x00\x00\x08ftyp", b"RIFF\x00\x00\x00\x00WAVE"]
)
def test_what_is_no_film_is_refused_in_plain_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(data)
    with pytest.raises(Unprocessable) as refused:
        opened(path)
    assert "send MP4" in refused.value.message or "neither" in refused.value.message


def test_an_image_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "image.mp4"
    path.write_bytes(file_of(plain(RED)))
    with pytest.raises(Unprocessable):
        opened(path)


def test_there_has_to_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        opened(tmp_path / "none.mp4")
    with pytest.raises(ClientFault):
        opened(tmp_path)


def test_pictures_are_bounded() -> None:
    check_size(4096, 2160)
    check_size(2160, 3840)
    for width, height in ((4098, 16), (4096, 4096)):
        with pytest.raises(Unprocessable, match="scale it down"):
            check_size(width, height)


def test_a_film_of_large_pictures_is_refused_before_one_is_decoded(tmp_path: Path) -> None:
    path = write_film(tmp_path / "wide.mp4", cards(1, size=(4224, 64)))
    with pytest.raises(Unprocessable, match="4224×64"):
        opened(path)


def test_containers_are_told_by_their_first_bytes() -> None:
    heads = {b"fLaC": "flac", b"\xff\xf1\x50": "aac", b"\xff\xfb\x90": "mp3", b"ID3\x04": "mp3", b"OggS": "ogg"}
    assert {head: container_of(head) for head in heads} == heads


def test_damage_is_survived_or_ends_the_film_and_nothing_else(tmp_path: Path, whole: Path) -> None:
    data, luck = whole.read_bytes(), random.Random(7)
    for number in range(20):
        broken = bytearray(data[: luck.randrange(len(data) // 2, len(data))] if number % 2 else data)
        for _ in range(luck.randrange(1, 60)):
            broken[luck.randrange(32, len(broken))] = luck.randrange(256)
        path = tmp_path / f"broken{number}.mp4"
        path.write_bytes(broken)
        for reel in (PictureReel, SoundReel):
            try:
                one = reel(FilmFile(path))
                while one.next() is not None:
                    pass
                one.seek(1_000_000_000)
                one.next()
            except (
                ClientFault,
                OSError,
                ValueError,
                AssertionError,
            ):  # what a film's thread ends with; av's are among them
                continue


async def test_a_file_that_breaks_off_ends_its_film_with_a_reason(tmp_path: Path) -> None:
    path = write_film(tmp_path / "cards.webm", cards(4 * FPS), tone(4))
    data = bytearray(path.read_bytes())
    luck = random.Random(3)
    for place in range(len(data) // 4, len(data)):
        data[place] = luck.randrange(256)
    path.write_bytes(data)
    ended: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def end(error: str | None) -> None:
        loop.call_soon_threadsafe(ended.set_result, error)

    film = Film(path, SystemClock(), label="x", on_end=end)
    film.start()
    await asyncio.wait_for(asyncio.wrap_future(film.ready), 20)
    await asyncio.wait_for(ended, 20)
    assert await asyncio.to_thread(film.join, 5)

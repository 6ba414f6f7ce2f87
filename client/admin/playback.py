"""Files that are played into a room."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypedDict, Unpack

from client.admin.calls import Calls, below
from mcu.protocol.playback import PlaybackInfo

PIECE_BYTES = 256 * 1024
KINDS = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".ogv": "video/ogg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
}


class PlaybackWishes(TypedDict, total=False):
    """How it is to be played. ``group`` hears it; ``paused``: it waits at ``start_s``."""

    name: str
    group: str
    loop: bool
    start_s: float
    paused: bool


class PlaybackAdmin:
    """``room.playback``. Every request raises an AdminRefused or ConnectionLost; of a playback that is over NotThere
    (``no_such_playback``).
    """

    def __init__(self, calls: Calls, room: str) -> None:
        self._calls = calls
        self._room = room

    async def play(self, film: Path, content_type: str | None = None, **wishes: Unpack[PlaybackWishes]) -> PlaybackInfo:
        """Sends a file and plays it; comes back once it plays. Its kind is told by its name, unless ``content_type``
        says it. Raises InvalidRequest for a file that can't be played, Clash (``too_many_playbacks``, ``room_full``),
        ValueError for a name that tells nothing, or OSError.
        """
        kind = content_type or KINDS.get(film.suffix.lower())
        if kind is None:
            raise ValueError(f"{film}: the name ends in none of {', '.join(KINDS)}")
        size_bytes = (await asyncio.to_thread(film.stat)).st_size
        asked: dict[str, Any] = {"name": film.stem[:64], **wishes}
        return await self._calls.one(
            PlaybackInfo,
            "POST",
            self._path(),
            content=_pieces(film),
            headers={"Content-Type": kind, "Content-Length": str(size_bytes)},
            params={key: str(value).lower() if isinstance(value, bool) else value for key, value in asked.items()},
        )

    async def play_file(self, file: str, **wishes: Unpack[PlaybackWishes]) -> PlaybackInfo:
        """Plays one of the server's own folder. Raises NotThere (``no_such_file``), Clash (``no_playback_dir``)."""
        return await self._calls.one(PlaybackInfo, "POST", self._path(), json={"file": file, **wishes})

    async def play_recording(self, recording: str, **wishes: Unpack[PlaybackWishes]) -> PlaybackInfo:
        """Plays a finished recording of the room. Raises NotThere (``no_such_recording``)."""
        return await self._calls.one(PlaybackInfo, "POST", self._path(), json={"recording": recording, **wishes})

    async def list(self) -> tuple[PlaybackInfo, ...]:
        """Those that play or are paused."""
        return await self._calls.many(PlaybackInfo, self._path(), "playbacks")

    async def get(self, playback: str) -> PlaybackInfo:
        return await self._calls.one(PlaybackInfo, "GET", self._path(playback))

    async def pause(self, playback: str) -> PlaybackInfo:
        return await self._change(playback, paused=True)

    async def resume(self, playback: str) -> PlaybackInfo:
        return await self._change(playback, paused=False)

    async def seek(self, playback: str, position_s: float) -> PlaybackInfo:
        """Comes back once the picture at that position is shown. Raises InvalidRequest behind the end."""
        return await self._change(playback, position_s=position_s)

    async def set_loop(self, playback: str, loop: bool) -> PlaybackInfo:
        """Whether it begins anew at its end."""
        return await self._change(playback, loop=loop)

    async def stop(self, playback: str) -> None:
        """Its participant leaves."""
        await self._calls.answer("DELETE", self._path(playback))

    async def _change(self, playback: str, **changes: object) -> PlaybackInfo:
        return await self._calls.one(PlaybackInfo, "PATCH", self._path(playback), json=changes)

    def _path(self, *steps: str) -> str:
        return below("rooms", self._room, "playback", *steps)


async def _pieces(film: Path) -> AsyncIterator[bytes]:
    with film.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece

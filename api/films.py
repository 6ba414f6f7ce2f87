"""Files that are to be played: where they may lie on the disk, and how one that is sent gets there."""

import asyncio
import secrets
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final

from starlette.requests import ClientDisconnect, Request

from mcu.errors import BadRequest, Conflict, Internal, NotFound, TooLarge

SPOOL: Final = ".playback"
"""Beside the recordings, where there is room for files; of a name under which nothing is handed out."""

STALE_S: Final = 3600.0
"""What lies there for longer was left by a server that was killed."""

WRITE_BYTES: Final = 1024 * 1024


def film_in(directory: Path | None, name: str) -> Path:
    """A file of the server's own folder: a regular one, reached through no link that leads elsewhere. Blocks on the
    disk for a moment. Raises ``Conflict`` (``no_playback_dir``), ``NotFound`` (``no_such_file``).
    """
    if directory is None:
        raise Conflict("this server has no folder of files to play: set playback.dir", code="no_playback_dir")
    missing = NotFound(f"there is no file {name!r} in the server's folder", code="no_such_file", field="file")
    try:
        root = directory.resolve(strict=True)
        path = (root / name).resolve(strict=True)
        if path.parent != root or not stat.S_ISREG(path.stat().st_mode):
            raise missing
    except (OSError, ValueError):
        raise missing from None
    return path


@asynccontextmanager
async def spooled(request: Request, recordings_dir: Path, max_bytes: int) -> AsyncIterator[Path]:
    """The body as a file, which is gone afterwards. Raises ``TooLarge``, or ``BadRequest`` for a body that is empty or
    ends early; ``Internal`` when the disk takes no file.
    """
    folder = recordings_dir / SPOOL
    path = (folder / secrets.token_hex(16)).absolute()
    try:
        file = await asyncio.to_thread(_create, folder, path)
        try:
            await _fill(request, file, max_bytes)
        finally:
            await asyncio.to_thread(file.close)
        yield path
    except OSError as error:
        raise Internal(f"the file can't be taken in: {error.strerror or error}") from error
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def _fill(request: Request, file: BinaryIO, max_bytes: int) -> None:
    received, waiting = 0, bytearray()
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > max_bytes:
                raise TooLarge(f"a film has at most {max_bytes} bytes here (playback.max_bytes): make it smaller")
            waiting += chunk
            if len(waiting) >= WRITE_BYTES:
                await asyncio.to_thread(file.write, waiting)
                waiting = bytearray()
    except ClientDisconnect:
        raise BadRequest("the body ended early") from None
    if not received:
        raise BadRequest("the body is empty: send the file itself")
    await asyncio.to_thread(file.write, waiting)


def _create(folder: Path, path: Path) -> BinaryIO:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for former in folder.iterdir():
        if time.time() - former.stat().st_mtime > STALE_S:
            former.unlink(missing_ok=True)
    return path.open("xb")

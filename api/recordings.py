"""Where recordings lie on the disk: ``<recordings_dir>/<id>/<file>``. Nothing outside is ever handed out."""

import asyncio
import re
from pathlib import Path

import structlog

from api.files import regular_file
from mcu.errors import NotFound
from mcu.store.interfaces import Transactions

log = structlog.get_logger()

_FILE_NAME = re.compile(r"\w[\w.\-]{0,127}")


def recording_file(root: Path, recording: str, name: str) -> Path:
    """The path of a recording's file: a regular one, reached through no link. Blocks on the disk for a moment.

    Raises ``NotFound`` for everything else, whatever is wrong with it.
    """
    missing = NotFound("there is no such file in this recording", code="no_such_recording")
    if not _FILE_NAME.fullmatch(recording) or not _FILE_NAME.fullmatch(name):
        raise missing
    path = regular_file(root, recording, name)
    if path is None:
        raise missing
    return path


async def forget_lost_recordings(store: Transactions, root: Path) -> None:
    """The store's index knows no more of recordings whose folder somebody has removed. Raises StoreUnavailable."""
    there = await asyncio.to_thread(_folders, root)
    async with store.write() as unit:
        forgotten = await unit.recordings.keep_only(there)
    if forgotten:
        log.info("recordings_forgotten", recordings=forgotten, reason="their files are gone")


def _folders(root: Path) -> frozenset[str]:
    try:
        return frozenset(path.name for path in root.iterdir())
    except OSError:  # nothing was ever recorded
        return frozenset()

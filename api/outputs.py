"""Where HLS lies on the disk: ``<outputs_dir>/<id>/<file>``. Nothing else is ever handed out."""

import re
import shutil
import time
from pathlib import Path
from typing import Final

import structlog

from api.files import regular_file
from mcu.errors import NotFound

log = structlog.get_logger()

PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
SEGMENT_TYPE: Final = "video/mp2t"
STALE_S: Final = 60.0
"""A folder in which nothing has changed for so long is nobody's: a live one changes every two seconds."""

_ID = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_FILE = re.compile(r"index\.m3u8|[0-9]{1,12}\.ts")


def hls_file(root: Path, output: str, name: str) -> tuple[Path, str]:
    """The path and the media type of a playlist or segment: a regular file, reached through no link. Blocks on the
    disk for a moment. Raises ``NotFound`` for everything else, whatever is wrong with it.
    """
    missing = NotFound("there is no such file yet, or not any more", code="no_such_output")
    if not _ID.fullmatch(output) or not _FILE.fullmatch(name):
        raise missing
    path = regular_file(root, output, name)
    if path is None:
        raise missing
    return path, PLAYLIST_TYPE if name.endswith(".m3u8") else SEGMENT_TYPE


def forget_lost_outputs(root: Path) -> None:
    """Removes what outputs left that a crash cut off. Blocks on the disk."""
    try:
        folders = [path for path in root.iterdir() if _ID.fullmatch(path.name) and path.is_dir()]
    except OSError:  # nothing was ever sent out
        return
    for folder in folders:
        try:
            if time.time() - folder.stat().st_mtime > STALE_S:
                shutil.rmtree(folder)
        except OSError as error:
            log.warning("output_not_removed", folder=folder.name, error=error.strerror)

"""Where recordings lie on the disk: ``<recordings_dir>/<id>/<file>``. Nothing outside is ever handed out."""

import re
import stat
from pathlib import Path

from mcu.errors import NotFound

_FILE_NAME = re.compile(r"\w[\w.\-]{0,127}")


def recording_file(root: Path, recording: str, name: str) -> Path:
    """The path of a recording's file: a regular one, reached through no link. Blocks on the disk for a moment.

    Raises ``NotFound`` for everything else, whatever is wrong with it.
    """
    missing = NotFound("there is no such file in this recording", code="no_such_recording")
    if not _FILE_NAME.fullmatch(recording) or not _FILE_NAME.fullmatch(name):
        raise missing
    try:
        path = root.resolve(strict=True) / recording / name
        if path.resolve(strict=True) != path or not stat.S_ISREG(path.lstat().st_mode):
            raise missing
    except OSError:
        raise missing from None
    return path

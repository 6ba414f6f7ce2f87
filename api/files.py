"""Files that the server hands out or reads on somebody's word: regular ones, in the folder that is meant."""

import stat
from pathlib import Path


def regular_file(root: Path, *names: str) -> Path | None:
    """``root/name/…``, resolved, where that is a regular file reached through no link below ``root``; None for whatever
    else is there, or isn't. Blocks on the disk for a moment.
    """
    try:
        folder = root.resolve(strict=True)
        path = folder.joinpath(*names)
        if path.resolve(strict=True) != path or not path.is_relative_to(folder):
            return None
        return path if stat.S_ISREG(path.lstat().st_mode) else None
    except (OSError, ValueError):
        return None

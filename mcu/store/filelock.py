"""A lock that ends with its process, however that ends."""

import sys
from pathlib import Path


class FileLock:
    """Held from its making. Raises BlockingIOError while another process holds it, or another OSError. Blocks on the
    disk for a moment. Where there is no ``flock`` (Windows) it keeps nobody out.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._file.close()
                raise

    def release(self) -> None:
        """Idempotent. The file stays: removing it would let two others hold one lock each."""
        self._file.close()

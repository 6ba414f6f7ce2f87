"""Cutting the torn end off a recording whose writer was stopped in the middle of a fragment."""

from pathlib import Path
from typing import BinaryIO, Final

HEADER_BYTES: Final = 8
LARGE_HEADER_BYTES: Final = 16


def cut_torn_end(path: Path) -> int:
    """Shortens a fragmented MP4 to its last whole fragment (ISO/IEC 14496-12: boxes of a 32-bit size and a type, a
    size of 1 means that 64 bits of it follow). A file that is whole stays as it is. The number of bytes cut off.
    Raises ``OSError``. Nobody may be writing the file.
    """
    with path.open("r+b") as file:
        length = file.seek(0, 2)
        whole = _end_of_last_fragment(file, length)
        if whole:
            file.truncate(whole)
        return length - whole if whole else 0


def _end_of_last_fragment(file: BinaryIO, length: int) -> int:
    """Where the last box ends after which a player finds all it was promised; 0 when there is none."""
    position = whole = 0
    promised = False
    while position + HEADER_BYTES <= length:
        file.seek(position)
        header = file.read(LARGE_HEADER_BYTES)
        size, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if size == 1:
            size = int.from_bytes(header[8:], "big")
        if size < HEADER_BYTES or position + size > length:
            break
        position += size
        promised = kind == b"moof"
        if not promised:
            whole = position
    return whole

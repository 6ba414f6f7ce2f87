"""Which recordings there are, of open rooms and of those that were: read at the start, then kept up to date."""

from collections import OrderedDict
from pathlib import Path

from mcu.protocol.models import RecordingInfo

MAX_KNOWN = 1000
"""The newest recordings that are listed. Older files stay where they are."""


class RecordingIndex:
    """Used on one event loop, but for ``load``."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, RecordingInfo] = OrderedDict()

    def load(self, directory: Path) -> None:
        """What earlier runs left in ``directory/<id>/``; those that a crash cut off are put right. Reads files: not on
        an event loop, and before anything is recorded there. A folder that doesn't exist holds nothing.
        """
        from mcu.recording.manifest import recordings_in  # loads av, which who only looks things up does without

        folders = sorted((folder for folder in directory.glob("*") if folder.is_dir()), reverse=True)[:MAX_KNOWN]
        for folder in reversed(folders):
            for info in recordings_in(folder):
                self.add(info)

    def add(self, info: RecordingInfo) -> None:
        """A recording that has ended."""
        self._known[info.id] = info
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    @property
    def all(self) -> tuple[RecordingInfo, ...]:
        """Oldest first."""
        return tuple(self._known.values())

    def of(self, room: str) -> tuple[RecordingInfo, ...]:
        """Oldest first."""
        return tuple(info for info in self._known.values() if info.room == room)

    def find(self, room: str, identifier: str) -> RecordingInfo | None:
        info = self._known.get(identifier)
        return info if info is not None and info.room == room else None

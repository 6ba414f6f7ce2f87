"""A view's layout with its versions, and the translation for the mixer."""

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from mcu.errors import Conflict, LayoutChanged
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.versions import MAX_VERSIONS, LayoutHistory, LayoutVersion
from mcu.room.layout_spec import layout_spec
from mixer.layouts.arrange import LayoutSpec


class VersionedLayout:
    """The layout of one view. Every change makes a new etag, so that a lost race is seen (RFC 9110, 8.8.3).

    The newest ``MAX_VERSIONS`` versions are remembered. An undo makes a new version too; undoing twice goes back two
    changes, and a version that only repeated the one before it is no step of its own.
    """

    def __init__(self, now: datetime, layout: Layout | None = None) -> None:
        self._layout = layout or Layout()
        self._version = 1
        self._undoable: deque[Layout] = deque(maxlen=MAX_VERSIONS - 1)
        first = LayoutVersion(etag=self._new_etag, layout=self._layout, changed_at=now)
        self._versions: deque[LayoutVersion] = deque([first], maxlen=MAX_VERSIONS)

    @property
    def state(self) -> LayoutState:
        return LayoutState(layout=self._layout, etag=self._versions[-1].etag)

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._version

    @property
    def history(self) -> LayoutHistory:
        return LayoutHistory(versions=tuple(reversed(self._versions)))

    def check(self, if_match: str | None) -> None:
        """Raises LayoutChanged when ``if_match`` is not the current etag."""
        if if_match is not None and if_match != self.state.etag:
            raise LayoutChanged("somebody else changed the layout meanwhile: read it again, then repeat your change")

    def replace(
        self, layout: Layout, now: datetime, *, by: str | None = None, scheduled: str | None = None
    ) -> LayoutState:
        if layout != self._layout:
            self._undoable.append(self._layout)
        return self._become(layout, now, by=by, scheduled=scheduled)

    def undo(
        self, now: datetime, *, by: str | None = None, mend: Callable[[Layout], Layout] = lambda layout: layout
    ) -> LayoutState:
        """``mend`` may adjust the old layout to what has changed around it since. Raises Conflict when there is nothing
        to undo.
        """
        if not self._undoable:
            raise Conflict("there is no change of this layout left to undo")
        return self._become(mend(self._undoable.pop()), now, by=by, undo=True)

    def restore(self, newest_first: Sequence[LayoutVersion]) -> LayoutState:
        """Goes on where those versions ended. An undo reaches back as far as they do."""
        if not newest_first:
            return self.state
        self._undoable.clear()
        self._versions.clear()
        for version in reversed(newest_first[:MAX_VERSIONS]):
            if version.undo and self._undoable:
                self._undoable.pop()
            elif self._versions and not version.undo and version.layout != self._layout:
                self._undoable.append(self._layout)
            self._layout = version.layout
            self._versions.append(version)
        self._version = self._versions[-1].number
        return self.state

    def _become(
        self, layout: Layout, now: datetime, *, by: str | None, scheduled: str | None = None, undo: bool = False
    ) -> LayoutState:
        self._layout = layout
        self._version += 1
        self._versions.append(
            LayoutVersion(etag=self._new_etag, layout=layout, changed_at=now, by=by, scheduled=scheduled, undo=undo)
        )
        return self.state

    @property
    def _new_etag(self) -> str:
        digest = hashlib.sha256(self._layout.model_dump_json().encode()).hexdigest()[:12]
        return f"{self._version}-{digest}"

    @property
    def spec(self) -> LayoutSpec:
        return layout_spec(self._layout)

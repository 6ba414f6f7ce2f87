"""A view's layout with its version, and the translation for the mixer."""

import hashlib

from mcu.errors import LayoutChanged
from mcu.protocol.layout import Layout, LayoutState
from mcu.room.layout_spec import layout_spec
from mixer.layouts.arrange import LayoutSpec


class VersionedLayout:
    """The layout of one view. Every change makes a new etag, so that a lost race is seen (RFC 9110, 8.8.3)."""

    def __init__(self) -> None:
        self._version = 1
        self._layout = Layout()

    @property
    def state(self) -> LayoutState:
        digest = hashlib.sha256(self._layout.model_dump_json().encode()).hexdigest()[:12]
        return LayoutState(layout=self._layout, etag=f"{self._version}-{digest}")

    def replace(self, layout: Layout, if_match: str | None) -> LayoutState:
        """Raises LayoutChanged when ``if_match`` is not the current etag."""
        if if_match is not None and if_match != self.state.etag:
            raise LayoutChanged("somebody else changed the layout meanwhile: read it again, then repeat your change")
        self._layout = layout
        self._version += 1
        return self.state

    @property
    def spec(self) -> LayoutSpec:
        return layout_spec(self._layout)

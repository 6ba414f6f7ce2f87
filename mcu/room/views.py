"""All views of a room, by name, and who watches which."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from mcu.clock import Clock
from mcu.errors import Conflict, NotFound
from mcu.frames import VideoCodec
from mcu.protocol.models import MAX_VIEWS, TileMap, ViewSpec
from mcu.protocol.quality import Tier
from mcu.room.banner import BannerLines
from mcu.room.pictures import RoomPictures
from mcu.room.plugin_run import PluginRun
from mcu.room.view import View
from mcu.rtc import OutgoingIdentity
from mcu.rtc.downlink import Downlink
from mixer.decor import Decor
from mixer.layouts.arrange import LayoutSpec
from mixer.picture import Picture

MAIN = "main"
"""What everybody watches who has not chosen another view; it is always there."""

_SHAPE = ("width", "height", "fps", "video_kbps", "tiers", "medium_kbps", "low_kbps")
"""A change of these needs another encoder."""


class Views:
    """Written on the event loop; hands the picture thread its composites after every change.

    ``on_tiles`` is called on the picture thread.
    """

    def __init__(
        self,
        room: str,
        main: ViewSpec,
        identity: OutgoingIdentity,
        clock: Clock,
        start_ns: int,
        pictures: RoomPictures,
        *,
        on_tiles: Callable[[TileMap], None],
    ) -> None:
        self._room = room
        self._identity = identity
        self._clock = clock
        self._start_ns = start_ns
        self._pictures = pictures
        self._on_tiles = on_tiles
        self._views: dict[str, View] = {}
        self._going: list[View] = []
        self.create(main.model_copy(update={"name": MAIN}))

    def __iter__(self) -> Iterator[View]:
        return iter(tuple(self._views.values()))

    def __len__(self) -> int:
        return len(self._views)

    @property
    def main(self) -> View:
        return self._views[MAIN]

    @property
    def specs(self) -> tuple[ViewSpec, ...]:
        return tuple(view.spec for view in self._views.values())

    @property
    def layouts(self) -> Mapping[str, LayoutSpec]:
        return {view.name: view.layout_spec for view in (*self._going, *self._views.values())}

    def retime(self) -> None:
        """Tells the composites how people move to new places: before a layout that may send them there."""
        for view in self:
            view.composite.transition = view.layout.state.layout.transition

    @property
    def plugins(self) -> Mapping[str, PluginRun]:
        """The layout plug-ins at work."""
        views = (*self._going, *self._views.values())
        return {view.name: view.plugin for view in views if view.plugin is not None}

    @property
    def banners(self) -> Mapping[str, BannerLines]:
        return {view.name: BannerLines.of(view.banner) for view in (*self._going, *self._views.values())}

    @property
    def decors(self) -> Mapping[str, Decor]:
        return {view.name: view.decor for view in (*self._going, *self._views.values())}

    def dress(self, avatars: Mapping[str, Picture]) -> None:
        """Lets every view draw these avatars, by participant's id, and no others."""
        for view in (*self._going, *self._views.values()):
            if view.decor.avatars != avatars:
                view.decor = replace(view.decor, avatars=avatars)

    def get(self, name: str) -> View:
        """Raises NotFound (``no_such_view``)."""
        view = self._views.get(name)
        if view is None:
            names = ", ".join(self._views)
            raise NotFound(f"this room has no view {name!r}: it has {names}", code="no_such_view")
        return view

    def watched(self, name: str) -> View:
        """The view of this name; ``main`` where it has gone meanwhile."""
        return self._views.get(name, self.main)

    def create(self, spec: ViewSpec) -> View:
        """Raises Conflict (``view_exists``, ``too_many_views``)."""
        if spec.name in self._views:
            raise Conflict(f"there is a view {spec.name!r} already", code="view_exists", field="name")
        if len(self._views) >= MAX_VIEWS:
            raise Conflict(f"a room has at most {MAX_VIEWS} views: delete one first", code="too_many_views")
        scaled = self._pictures.scaled
        view = View(self._room, spec, self._identity, self._clock, self._start_ns, self._on_tiles, scaled)
        self._views[spec.name] = view
        self._publish()
        return view

    async def change(self, view: View, spec: ViewSpec) -> None:
        """Gives a view what ``spec`` says; its viewers stay. Not while it is being recorded."""
        if any(getattr(spec, part) != getattr(view.spec, part) for part in _SHAPE):
            view.remake(spec)
            self._publish()
            await view.outputs.close_retired()
        view.spec = spec
        view.composite.group = spec.group

    async def delete(self, view: View) -> None:
        """Removes a view other than ``main``; whoever watches it goes over to ``main`` without a gap."""
        del self._views[view.name]
        self._going.append(view)
        try:
            viewers = view.outputs.downlinks
            for downlink in viewers:
                view.outputs.hand_over(downlink, self.main.outputs)
            await asyncio.gather(*(view.outputs.let_go(downlink) for downlink in viewers))
        finally:
            self._going.remove(view)
            self._publish()
            await view.close()

    @property
    def viewers(self) -> int:
        return sum(view.outputs.viewers for view in self)

    def add_viewer(self, downlink: Downlink, codec: VideoCodec, name: str, tier: Tier) -> None:
        """Shows a viewer a view, ``main`` where it has gone meanwhile; nothing in the tier ``audio``."""
        if tier != "audio":
            self.watched(name).outputs.add_viewer(downlink, codec, tier)

    async def move_viewer(self, downlink: Downlink, codec: VideoCodec, name: str, tier: Tier) -> None:
        """From whatever view and tier they watch to another, which begins with a keyframe; the numbers of their packets
        go on. Returns when they see it. In the tier ``audio`` they see nothing more.
        """
        if tier == "audio":
            await self.remove_viewer(downlink)
            return
        self.add_viewer(downlink, codec, name, tier)
        for view in self:
            if view is not self.watched(name):
                view.outputs.leave(downlink)
        await asyncio.gather(*(view.outputs.let_go(downlink) for view in self))

    async def remove_viewer(self, downlink: Downlink) -> None:
        """At once nothing is sent to it, and when this returns, no thread uses it any more. Idempotent."""
        served = [(view.outputs, view.outputs.drop_viewer(downlink)) for view in (*self._going, *self)]
        for outputs, keys in served:
            await outputs.close_unused(keys)

    def request_keyframe(self, downlink: Downlink) -> None:
        for view in self:
            view.outputs.request_keyframe(downlink)

    async def close(self) -> None:
        """Closes every hub of every view. Idempotent."""
        await asyncio.gather(*(view.close() for view in (*self._going, *self)))

    def _publish(self) -> None:
        self._pictures.composites = tuple(view.composite for view in (*self._going, *self._views.values()))

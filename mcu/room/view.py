"""One view of a room: how it is made, how it is arranged, its picture and its encoders."""

from collections.abc import Callable
from dataclasses import replace

from mcu.clock import Clock
from mcu.media.hub import EncoderHub
from mcu.protocol.decor import Banner
from mcu.protocol.models import TileMap, ViewSpec
from mcu.room.composite import Composite
from mcu.room.layout import VersionedLayout
from mcu.room.outputs import ViewOutputs
from mcu.room.plugin_run import PluginRun
from mcu.room.schedule import wall_time
from mcu.rtc import OutgoingIdentity
from mixer.decor import Decor
from mixer.layouts.arrange import LayoutSpec
from mixer.scaled import ScaledPictures


class View:
    """Owned by ``Views`` and used on the event loop. ``start_ns`` is the first instant of every view of the room, and
    ``identity`` the SSRCs of all of them: that makes it easy to go from one to another.
    """

    def __init__(
        self,
        room: str,
        spec: ViewSpec,
        identity: OutgoingIdentity,
        clock: Clock,
        start_ns: int,
        on_tiles: Callable[[TileMap], None],
        scaled: ScaledPictures,
    ) -> None:
        self.spec = spec
        self.layout = VersionedLayout(wall_time(clock.wall_ns()))
        self.plugin: PluginRun | None = None
        self.banner = Banner()
        self.decor = Decor()
        self.composite = Composite(spec, start_ns, on_tiles, scaled=scaled)
        self.outputs = ViewOutputs(room, spec, identity, clock, self._set_hubs)
        self._start_ns = start_ns
        self._on_tiles = on_tiles
        self._scaled = scaled

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def layout_spec(self) -> LayoutSpec:
        """What the mixer arranges by: the layout, with the view's own background where it has one."""
        spec, background = self.layout.spec, self.spec.background
        return spec if background is None else replace(spec, background=int(background[1:], 16))

    def remake(self, spec: ViewSpec) -> None:
        """Another canvas, rate or bitrate: a new composite and new encoders, for the same viewers. Raises what an
        encoder raises that can't be opened, and nothing has changed then.
        """
        former = self.composite
        layout_seq = former.tile_map.layout_seq
        self.composite = Composite(spec, self._start_ns, self._on_tiles, scaled=self._scaled, layout_seq=layout_seq)
        self.composite.transition = former.transition
        try:
            self.outputs.restart(spec)
        except BaseException:
            self.composite = former
            raise
        self.spec = spec
        former.close()

    async def close(self) -> None:
        """Idempotent."""
        self.composite.close()
        await self.outputs.close()

    def _set_hubs(self, hubs: tuple[EncoderHub, ...]) -> None:
        self.composite.hubs = hubs

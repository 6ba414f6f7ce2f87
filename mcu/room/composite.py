"""The picture of one view: its people arranged, drawn, and handed to the view's encoder hubs."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Literal

from mcu.clock import NS_PER_MS
from mcu.errors import Conflict, NoCapacity
from mcu.mailbox import Ring
from mcu.media.canvases import SharedCanvas
from mcu.media.hub import EncoderHub
from mcu.media.shrinking import Shrinker
from mcu.protocol.layout import Transition
from mcu.protocol.models import PixelSize, TileMap, ViewSpec
from mcu.room.banner import BannerLines
from mcu.room.drawing import Drawing
from mcu.room.selection import Moment
from mcu.room.sole import sole_source
from mcu.room.tile_maps import Standing, TileMaps
from mixer.geometry import Size
from mixer.image import encode_image
from mixer.layouts.arrange import LayoutSpec, arrange_next
from mixer.layouts.seating import Casting
from mixer.scaled import ScaledPictures
from mixer.scene import Scene, Tile, TileKey
from mixer.timeline import Timeline
from mixer.transition import Animator

MAX_SNAPSHOTS_WAITING = 8

SNAPSHOT_RETRY_AFTER_S = 5

SNAPSHOT_PATIENCE_NS = 1200 * NS_PER_MS
"""How long a snapshot waits for people who were not decoded until it was asked for."""

REST_AFTER_NS = 1000 * NS_PER_MS
"""When nothing has moved for this long, the hubs rest: by then the encoder has sharpened what stands still."""

REST_INTERVAL_NS = 500 * NS_PER_MS
"""A resting hub still gets a canvas this often, so that viewers and recordings see that the view is alive."""


@dataclass(frozen=True, slots=True)
class CompositeStatistics:
    """``ticks`` played, canvases ``composed`` and ``submitted`` to hubs; ``no_canvas``: all of them were in use."""

    ticks: int
    composed: int
    submitted: int
    no_canvas: int


class Composite:
    """One view on the room's picture thread, which calls ``tick``. Another canvas or rate is another composite. The
    composites of a room share ``scaled``, so that two that show somebody in one size scale their picture once.

    The event loop sets ``hubs``, ``transition`` and ``group`` (whole, never in place): of a group, its members alone
    have tiles here, and one of them is the active speaker, whoever speaks elsewhere. So it does ``every``, of how many
    ticks one is drawn, and ``most_tiles``, a bound beside the layout's own; ``spares_decoding`` (people need only be
    decoded while this is drawn) and ``rousing`` (it will be drawn soon). ``tile_map``, ``standings``,
    ``seen`` and ``placed`` (the tiles, each where it goes to) are replaced whole and may be read by any thread, like
    ``sole``, the only source of a layout made for one, which fills the canvas, and ``settled``: nobody moves.
    ``on_tiles`` is called on the thread, with each new map.
    """

    def __init__(
        self,
        spec: ViewSpec,
        start_ns: int,
        on_tiles: Callable[[TileMap], None],
        *,
        scaled: ScaledPictures | None = None,
        layout_seq: int = 0,
    ) -> None:
        self.hubs: tuple[EncoderHub, ...] = ()
        self.timeline = Timeline(start_ns, spec.fps)
        self.name = spec.name
        self.seen: frozenset[TileKey] = frozenset()
        self.placed: tuple[Tile, ...] = ()
        self.transition = Transition()
        self.group = spec.group
        self.every = 1
        self.sole: TileKey | None = None
        self.settled = True
        self.spares_decoding = False
        self.rousing = False
        self.most_tiles: int | None = None
        self._animator = Animator()
        self._casting = Casting()
        self._retimed: Transition | None = None
        self._on_tiles = on_tiles
        self._size = Size(spec.width, spec.height)
        self._drawing = Drawing(spec.name, self._size, scaled)
        self._shrinker = Shrinker()
        self._served: tuple[EncoderHub, ...] = ()
        self._requests: Ring[Future[SharedCanvas]] = Ring(MAX_SNAPSHOTS_WAITING)
        canvas = PixelSize(width=spec.width, height=spec.height)
        self._maps = TileMaps(TileMap(view=spec.name, layout_seq=layout_seq, canvas=canvas, tiles=()))
        self._asked_ns: int | None = None
        self._submitted_ns = 0
        self._ticks = 0
        self._submitted = 0
        self._no_canvas = 0

    @property
    def tile_map(self) -> TileMap:
        return self._maps.newest

    @property
    def standings(self) -> Mapping[TileKey, Standing]:
        return self._maps.standings

    @property
    def statistics(self) -> CompositeStatistics:
        return CompositeStatistics(
            self._ticks, self._drawing.composed, self._submitted, self._drawing.no_canvas + self._no_canvas
        )

    async def snapshot(self, image_format: Literal["jpg", "png"], timeout_s: float) -> bytes:
        """The next composite as an image, encoded off the event loop. Raises NoCapacity when none is drawn in time,
        and Conflict when the view changes or goes meanwhile.
        """
        future: Future[SharedCanvas] = Future()
        self._requests.put(future)
        if self._requests.closed:
            self.close()
            raise _gone()
        try:
            canvas = await asyncio.wait_for(asyncio.wrap_future(future), timeout_s)
        except (TimeoutError, asyncio.CancelledError) as error:
            if not future.cancel():
                # Drawn in the very moment of giving up: the canvas still has to go back.
                future.result().release()
            if isinstance(error, TimeoutError):
                raise NoCapacity(
                    f"no picture was drawn within {timeout_s:g} s: the server is overloaded, try again later",
                    retry_after_s=SNAPSHOT_RETRY_AFTER_S,
                ) from error
            raise
        try:
            return await asyncio.to_thread(encode_image, canvas.canvas.picture, image_format)
        finally:
            canvas.release()

    def tick(self, time_ns: int, moment: Moment) -> None:
        """Plays the canvas tick at ``time_ns``. Nothing is drawn when nobody looks."""
        self._ticks += 1
        layout = self._bounded(moment.layouts.get(self.name) or LayoutSpec())
        scene = self._scene(layout, moment, time_ns)
        self.seen = frozenset(tile.key for tile in scene.tiles)
        self.placed = scene.tiles
        if self._maps.look(scene, moment):
            self._on_tiles(self._maps.newest)
        lines = moment.banners.get(self.name) or BannerLines()
        titled = replace(
            scene,
            layout_seq=self._maps.newest.layout_seq,
            banner=lines.text,
            countdown=lines.countdown(time_ns + moment.wall_ahead_ns),
        )
        staged = self._staged(titled, time_ns)
        self.sole, self.settled = sole_source(self.name, layout, titled, moment), not self._animator.moving
        hubs, requests = self.hubs, self._requests.take_all()
        if requests and self._premature(hubs, scene, moment, time_ns):
            for future in requests:
                self._requests.put(future)
            requests = []
        if not hubs:
            self._shrinker.keep(frozenset())
        if not hubs and not requests:
            self._drawing.let_go()
            return
        if self._ticks % self.every and not requests:
            return
        canvas = self._drawing.draw(staged, moment, self.seen, time_ns)
        if canvas is None:
            for future in requests:
                self._requests.put(future)
            return
        self._submit(canvas, hubs, time_ns)
        for future in requests:
            if future.set_running_or_notify_cancel():
                future.set_result(canvas.retain())

    @property
    def needs_pictures(self) -> bool:
        """Whether the people in it have to be decoded. Any thread."""
        return not self.spares_decoding or self.rousing or bool(self.hubs) or self._asked_ns is not None

    def _premature(self, hubs: tuple[EncoderHub, ...], scene: Scene, moment: Moment, time_ns: int) -> bool:
        """Whether a snapshot had better wait for decoders that have only begun."""
        if hubs or not self.spares_decoding:
            return False
        if self._asked_ns is None:
            self._asked_ns = time_ns
        waits = any(tile.key in moment.forwarded for tile in scene.tiles)
        waits = waits and time_ns - self._asked_ns < SNAPSHOT_PATIENCE_NS
        if not waits:
            self._asked_ns = None
        return waits

    def _bounded(self, layout: LayoutSpec) -> LayoutSpec:
        most = self.most_tiles
        return layout if most is None or layout.max_tiles <= most else replace(layout, max_tiles=most)

    def _scene(self, layout: LayoutSpec, moment: Moment, time_ns: int) -> Scene:
        plugin, layout_seq = moment.plugins.get(self.name), self._maps.newest.layout_seq
        members, dominant = moment.of(self.group)
        if plugin is not None:
            scene = plugin.scene(layout, members, self._size, dominant, time_ns, layout_seq)
            if scene is not None:
                return scene
        arrangement = arrange_next(
            layout,
            members,
            self._size,
            dominant,
            layout_seq,
            now_ns=time_ns,
            previous=self._casting,
        )
        self._casting = arrangement.casting
        return arrangement.scene

    def close(self) -> None:
        """Lets nobody wait for a picture that will not come. Any thread; idempotent."""
        self._requests.close()
        for future in self._requests.take_all():
            if future.set_running_or_notify_cancel():
                future.set_exception(_gone())

    def free(self) -> None:
        """Lets go of canvases and of all that was drawn, which are most of what a room takes: whoever still holds the
        room, if only until Python's collector comes, doesn't hold them. When it is ticked no more. Idempotent.
        """
        self.close()
        self._drawing.free()
        self._shrinker.close()

    def _staged(self, scene: Scene, time_ns: int) -> Scene:
        """The scene on everybody's way to it. The tile map tells where they go, once, and not where they pass by."""
        wanted = self.transition
        if wanted is not self._retimed:
            self._animator.retime(wanted.ms, wanted.ease)
            self._retimed = wanted
        return self._animator.step(scene, time_ns)

    def _submit(self, canvas: SharedCanvas, hubs: tuple[EncoderHub, ...], time_ns: int) -> None:
        """To every hub while something moves; while nothing does, seldom, and to those that owe a keyframe. The hubs
        come with the largest first: its canvas waits for no other to be scaled.
        """
        resting = time_ns - self._drawing.moved_ns > REST_AFTER_NS and time_ns - self._submitted_ns < REST_INTERVAL_NS
        if not resting:
            self._submitted_ns = time_ns
        for hub in hubs:
            if resting and not hub.keyframe_wanted:
                continue
            size = Size(hub.width, hub.height)
            shown = canvas if size == self._size else self._shrinker.shrunk(canvas, size)
            if shown is None:
                self._no_canvas += 1
            else:
                hub.submit(shown, time_ns)
                self._submitted += 1
        if hubs is not self._served:
            self._served = hubs
            self._shrinker.keep(frozenset(Size(hub.width, hub.height) for hub in hubs))


def _gone() -> Conflict:
    return Conflict("the view is not drawn any more: try again")

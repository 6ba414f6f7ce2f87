"""The picture of one view: its people arranged, drawn, and handed to the view's encoder hubs."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Literal

from mcu.clock import NS_PER_MS
from mcu.errors import Conflict, NoCapacity
from mcu.mailbox import Ring
from mcu.media.canvases import CanvasPool, SharedCanvas
from mcu.media.hub import EncoderHub
from mcu.media.shrinking import Shrinker
from mcu.protocol.layout import Transition
from mcu.protocol.models import PixelBox, PixelSize, TileInfo, TileMap, TileState, ViewSpec
from mcu.room.banner import BannerLines
from mcu.room.health import state_of
from mcu.room.selection import Moment
from mcu.room.sole import sole_source
from mixer.compositor import Compositor
from mixer.decor import BARE, Decor
from mixer.geometry import Box, Size
from mixer.image import encode_image
from mixer.layouts.arrange import LayoutSpec, arrange_next
from mixer.layouts.seating import Casting
from mixer.picture import Picture
from mixer.scaled import ScaledPictures
from mixer.scene import Scene, Tile, TileKey
from mixer.timeline import Timeline
from mixer.transition import Animator

POOL_CANVASES = 11
"""Per hub one waiting and one being encoded, one being drawn, the newest, and a few that snapshots hold."""

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


@dataclass(frozen=True, slots=True)
class Standing:
    """How a tile stands, and since when in room time."""

    state: TileState
    since_ns: int


_Place = tuple[TileKey, str, Box, int, TileState]
"""What the tile map says of a tile; compared at every tick, while the map is only made when it changes."""


@dataclass(slots=True, eq=False)
class _Drawn:
    canvas: SharedCanvas
    scene: Scene
    pictures: dict[TileKey, Picture]
    decor: Decor

    def shows(self, scene: Scene, pictures: Mapping[TileKey, Picture], decor: Decor) -> bool:
        return (
            self.decor is decor
            and self.scene == scene
            and self.pictures.keys() == pictures.keys()
            and all(self.pictures[key] is picture for key, picture in pictures.items())
        )


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
        self.standings: Mapping[TileKey, Standing] = {}
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
        self._pool = CanvasPool(self._size, POOL_CANVASES)
        self._compositor = Compositor(scaled)
        self._shrinker = Shrinker()
        self._served: tuple[EncoderHub, ...] = ()
        self._requests: Ring[Future[SharedCanvas]] = Ring(MAX_SNAPSHOTS_WAITING)
        canvas = PixelSize(width=spec.width, height=spec.height)
        self._tile_map = TileMap(view=spec.name, layout_seq=layout_seq, canvas=canvas, tiles=())
        self._places: tuple[_Place, ...] = ()
        self._drawn: _Drawn | None = None
        self._asked_ns: int | None = None
        self._moved_ns = 0
        self._submitted_ns = 0
        self._ticks = 0
        self._composed = 0
        self._submitted = 0
        self._no_canvas = 0

    @property
    def tile_map(self) -> TileMap:
        return self._tile_map

    @property
    def statistics(self) -> CompositeStatistics:
        return CompositeStatistics(self._ticks, self._composed, self._submitted, self._no_canvas)

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
        self._tell(scene, moment)
        lines = moment.banners.get(self.name) or BannerLines()
        titled = replace(
            scene,
            layout_seq=self._tile_map.layout_seq,
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
            self._let_go()
            return
        if self._ticks % self.every and not requests:
            return
        drawn = self._draw(staged, moment, time_ns)
        if drawn is None:
            for future in requests:
                self._requests.put(future)
            return
        self._submit(drawn.canvas, hubs, time_ns)
        for future in requests:
            if future.set_running_or_notify_cancel():
                future.set_result(drawn.canvas.retain())

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
        plugin, layout_seq = moment.plugins.get(self.name), self._tile_map.layout_seq
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

    def _staged(self, scene: Scene, time_ns: int) -> Scene:
        """The scene on everybody's way to it. The tile map tells where they go, once, and not where they pass by."""
        wanted = self.transition
        if wanted is not self._retimed:
            self._animator.retime(wanted.ms, wanted.ease)
            self._retimed = wanted
        return self._animator.step(scene, time_ns)

    def _draw(self, scene: Scene, moment: Moment, time_ns: int) -> _Drawn | None:
        """The canvas that shows ``scene``: the last one while nothing has changed; None when all are in use."""
        pictures, decor = self._pictures(scene, moment), self._decor(scene, moment)
        if self._drawn is not None and self._drawn.shows(scene, pictures, decor):
            return self._drawn
        canvas = self._pool.take()
        if canvas is None:
            self._no_canvas += 1
            return None
        try:
            done = self._compositor.draw(scene, pictures, canvas.canvas, decor)
        except BaseException:
            canvas.release()
            raise
        self._composed += 1
        if done.changed:
            self._moved_ns = time_ns
        self._let_go()
        self._drawn = _Drawn(canvas, scene, pictures, decor)
        return self._drawn

    def _pictures(self, scene: Scene, moment: Moment) -> dict[TileKey, Picture]:
        """Who has left is there with their last picture until they have faded."""
        last = self._drawn.pictures if self._drawn is not None else {}
        pictures = {}
        for tile in scene.tiles:
            picture = moment.pictures.get(tile.key) or (None if tile.key in self.seen else last.get(tile.key))
            if picture is not None:
                pictures[tile.key] = picture
        return pictures

    def _decor(self, scene: Scene, moment: Moment) -> Decor:
        """Who has left keeps their avatar until they have faded."""
        decor = moment.decors.get(self.name, BARE)
        last = self._drawn.decor.avatars if self._drawn is not None else {}
        fading = {tile.key.participant for tile in scene.tiles if tile.key not in self.seen}
        kept = {who: last[who] for who in fading if who in last and who not in decor.avatars}
        return replace(decor, avatars={**decor.avatars, **kept}) if kept else decor

    def _let_go(self) -> None:
        if self._drawn is not None:
            self._drawn.canvas.release()
            self._drawn = None

    def _submit(self, canvas: SharedCanvas, hubs: tuple[EncoderHub, ...], time_ns: int) -> None:
        """To every hub while something moves; while nothing does, seldom, and to those that owe a keyframe. The hubs
        come with the largest first: its canvas waits for no other to be scaled.
        """
        resting = time_ns - self._moved_ns > REST_AFTER_NS and time_ns - self._submitted_ns < REST_INTERVAL_NS
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

    def _tell(self, scene: Scene, moment: Moment) -> None:
        states = {
            tile.key: state_of(
                moment.sources.get(tile.key),
                live=tile.key in moment.pictures or tile.key in moment.forwarded,
                now_ns=moment.now_ns,
            )
            for tile in scene.tiles
        }
        places = tuple((tile.key, tile.name, tile.box, tile.z, states[tile.key]) for tile in scene.tiles)
        if places == self._places:
            return
        self._places = places
        former = self.standings
        self.standings = {
            key: former[key] if key in former and former[key].state == state else Standing(state, moment.now_ns)
            for key, state in states.items()
        }
        tiles = tuple(_info(tile, states[tile.key]) for tile in scene.tiles)
        self._tile_map = self._tile_map.model_copy(update={"layout_seq": self._tile_map.layout_seq + 1, "tiles": tiles})
        self._on_tiles(self._tile_map)


def _info(tile: Tile, state: TileState) -> TileInfo:
    return TileInfo(
        participant=tile.key.participant,
        source=tile.key.source,
        name=tile.name,
        box=PixelBox(x=tile.box.x, y=tile.box.y, width=tile.box.width, height=tile.box.height),
        z=tile.z,
        state=state,
    )


def _gone() -> Conflict:
    return Conflict("the view is not drawn any more: try again")

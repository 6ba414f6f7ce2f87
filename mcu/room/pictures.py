"""The picture of a room: at every tick the newest picture of each person, arranged, drawn, handed to the hubs."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

from mcu.clock import NS_PER_S, Clock
from mcu.errors import Internal
from mcu.mailbox import Ring
from mcu.media.canvases import CanvasPool, SharedCanvas
from mcu.media.decoding import DecodedPicture
from mcu.media.hub import EncoderHub
from mcu.protocol.models import PixelBox, PixelSize, TileInfo, TileMap, TileState, ViewSpec
from mcu.room.deadlines import Metronome, TickStatistics
from mcu.room.snapshot import PictureInput, RoomSnapshot, SpeechState
from mixer.compositor import Compositor
from mixer.geometry import Size
from mixer.image import encode_image
from mixer.layouts.arrange import Member, arrange_next
from mixer.layouts.seating import Casting
from mixer.picture import Picture
from mixer.scene import Scene, TileKey
from mixer.timeline import Timeline

POOL_CANVASES = 10
"""Per hub one waiting and one being encoded, one being drawn, and a few that snapshots hold."""

MAX_SNAPSHOTS_WAITING = 8


@dataclass(frozen=True, slots=True)
class PictureStatistics:
    ticks: TickStatistics
    composed: int
    no_canvas: int


class RoomPictures:
    """The picture thread of one view.

    The event loop sets ``snapshot_of_room`` and ``hubs`` (whole, never in place); the sound thread's state is read
    through ``speech``. ``tick`` is public so that tests can play media time. ``on_tiles`` is called on the thread
    whenever the tile map changes.
    """

    def __init__(
        self,
        room: str,
        spec: ViewSpec,
        clock: Clock,
        timeline: Timeline,
        *,
        stale_after_ns: int,
        speech: Callable[[], SpeechState],
        on_tiles: Callable[[TileMap], None],
    ) -> None:
        self.snapshot_of_room = RoomSnapshot()
        self.hubs: tuple[EncoderHub, ...] = ()
        self._spec = spec
        self._clock = clock
        self._timeline = timeline
        self._stale_after_ns = stale_after_ns
        self._speech = speech
        self._on_tiles = on_tiles
        self._half_interval_ns = NS_PER_S // spec.fps // 2
        self._size = Size(spec.width, spec.height)
        self._pool = CanvasPool(self._size, POOL_CANVASES)
        self._compositor = Compositor()
        self._requests: Ring[Future[SharedCanvas]] = Ring(MAX_SNAPSHOTS_WAITING)
        canvas = PixelSize(width=spec.width, height=spec.height)
        self._tile_map = TileMap(view=spec.name, layout_seq=0, canvas=canvas, tiles=())
        self._shown: dict[TileKey, DecodedPicture] = {}
        self._casting = Casting()
        self._composed = 0
        self._no_canvas = 0
        self._metronome = Metronome(
            f"picture-{room}"[:15],
            clock,
            tick_ns=timeline.canvas_tick_ns,
            tick_at=timeline.canvas_tick_at,
            tick=self.tick,
            stopped=self._free,
        )

    def start(self) -> None:
        self._metronome.start()

    def close(self) -> None:
        self._metronome.close()

    def join(self, timeout_s: float) -> bool:
        return self._metronome.join(timeout_s)

    @property
    def tile_map(self) -> TileMap:
        """The newest tile map. Any thread."""
        return self._tile_map

    @property
    def statistics(self) -> PictureStatistics:
        return PictureStatistics(self._metronome.statistics, self._composed, self._no_canvas)

    async def snapshot(self, image_format: Literal["jpg", "png"], timeout_s: float) -> bytes:
        """The next composite as an image, encoded off the event loop. Raises Internal when none is drawn in time."""
        future: Future[SharedCanvas] = Future()
        self._requests.put(future)
        try:
            canvas = await asyncio.wait_for(asyncio.wrap_future(future), timeout_s)
        except (TimeoutError, asyncio.CancelledError) as error:
            if not future.cancel():
                # Drawn in the very moment of giving up: the canvas still has to go back.
                future.result().release()
            if isinstance(error, TimeoutError):
                raise Internal("no picture was drawn in time: the server is overloaded, try again") from error
            raise
        try:
            return await asyncio.to_thread(encode_image, canvas.canvas.picture, image_format)
        finally:
            canvas.release()

    def tick(self, n: int) -> None:
        """Plays canvas tick ``n``. Nothing is drawn when nobody looks."""
        time_ns = self._timeline.canvas_tick_ns(n)
        scene, pictures = self._scene(self.snapshot_of_room, time_ns)
        self._tell(scene, pictures)
        hubs = self.hubs
        requests = self._requests.take_all()
        if not hubs and not requests:
            return
        canvas = self._pool.take()
        if canvas is None:
            self._no_canvas += 1
            for future in requests:
                self._requests.put(future)
            return
        try:
            self._compositor.draw(scene, pictures, canvas.canvas)
            self._composed += 1
            for hub in hubs:
                hub.submit(canvas, time_ns)
            for future in requests:
                if future.set_running_or_notify_cancel():
                    future.set_result(canvas.retain())
        finally:
            canvas.release()

    def _scene(self, snapshot: RoomSnapshot, time_ns: int) -> tuple[Scene, dict[TileKey, Picture]]:
        now_ns = self._clock.now_ns()
        speech = self._speech()
        members = []
        pictures: dict[TileKey, Picture] = {}
        for source in snapshot.pictures:
            newest = source.decoding.latest.peek() if source.shown else None
            if newest is not None and now_ns - newest.arrived_ns < self._stale_after_ns:
                pictures[source.key] = self._due(source, newest, time_ns).picture
            members.append(_member(source, source.key in pictures, speech))
        self._shown = {key: shown for key, shown in self._shown.items() if key in pictures}
        seq = self._tile_map.layout_seq
        arrangement = arrange_next(
            snapshot.layout, members, self._size, speech.dominant, seq, now_ns=time_ns, previous=self._casting
        )
        self._casting = arrangement.casting
        return arrangement.scene, pictures

    def _due(self, source: PictureInput, newest: DecodedPicture, time_ns: int) -> DecodedPicture:
        """The picture for this tick, in step with its owner's voice and never an older one than before.

        One that is due within half an interval is nearer to this tick than to the next.
        """
        due = newest
        if source.lipsync is not None:
            due = source.decoding.picture_at(time_ns + self._half_interval_ns, source.lipsync.due_ns) or newest
        last = self._shown.get(source.key)
        if last is not None and last.generation > due.generation:
            return last
        self._shown[source.key] = due
        return due

    def _tell(self, scene: Scene, pictures: dict[TileKey, Picture]) -> None:
        shown = {source.key: source for source in self.snapshot_of_room.pictures}
        tiles = tuple(
            TileInfo(
                participant=tile.key.participant,
                source=tile.key.source,
                name=tile.name,
                box=PixelBox(x=tile.box.x, y=tile.box.y, width=tile.box.width, height=tile.box.height),
                z=tile.z,
                state=_state(shown.get(tile.key), live=tile.key in pictures),
            )
            for tile in scene.tiles
        )
        if tiles != self._tile_map.tiles:
            self._tile_map = self._tile_map.model_copy(
                update={"layout_seq": self._tile_map.layout_seq + 1, "tiles": tiles}
            )
            self._on_tiles(self._tile_map)

    def _free(self) -> None:
        self._requests.close()
        for future in self._requests.take_all():
            future.cancel()


def _member(source: PictureInput, live: bool, speech: SpeechState) -> Member:
    who = source.key.participant
    return Member(
        key=source.key,
        name=source.name,
        live=live,
        muted=source.muted,
        reconnecting=source.reconnecting,
        speaking=speech.border.get(who, 0.0) if source.key.source == "camera" else 0.0,
        last_spoke_ns=speech.last_spoke_ns.get(who, 0),
        role=source.role,
    )


def _state(source: PictureInput | None, *, live: bool) -> TileState:
    if source is None or source.reconnecting:
        return "reconnecting"
    if not source.shown:
        return "muted"
    if live:
        return "live"
    statistics = source.decoding.statistics
    return "no_keyframe" if statistics.dropped and not statistics.decoded else "no_packets"

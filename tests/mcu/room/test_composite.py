"""Pictures of views tick by tick, in media time: which ticks are shared, and what is drawn and encoded of them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mcu.clock import NS_PER_MS, NS_PER_S, SystemClock
from mcu.errors import Conflict, NoCapacity
from mcu.frames import ReceivedFrame
from mcu.media.canvases import SharedCanvas
from mcu.media.decode_pool import DecodePool
from mcu.media.decoding import VideoDecoding
from mcu.media.hub import EncoderHub
from mcu.protocol.layout import Transition
from mcu.protocol.models import ViewSpec
from mcu.room.composite import REST_AFTER_NS, REST_INTERVAL_NS, Composite
from mcu.room.health import state_of
from mcu.room.parking import Parking
from mcu.room.pictures import RoomPictures
from mcu.room.selection import Moment
from mcu.room.snapshot import PictureInput, SpeechState
from mixer.decor import BARE, Decor
from mixer.layouts.arrange import Member
from mixer.picture import Picture
from mixer.scaled import ScaledPictures
from mixer.scene import TileKey

ADA = TileKey("ada")
VIEW = ViewSpec(width=128, height=72, fps=30)


class CountingHub(EncoderHub):
    """A hub that was never started: it counts what it is shown."""

    def __init__(self) -> None:
        super().__init__("test", "VP8", VIEW.width, VIEW.height, VIEW.fps, 100_000, SystemClock())
        self.times_ns: list[int] = []
        self.owes_keyframe = False
        self.shown: SharedCanvas | None = None

    @property
    def keyframe_wanted(self) -> bool:
        return self.owes_keyframe

    def submit(self, canvas: SharedCanvas, time_ns: int) -> None:
        assert canvas.size.width == VIEW.width
        self.times_ns.append(time_ns)
        self.shown = canvas


def grey(level: int = 128) -> Picture:
    def plane(height: int, width: int) -> Any:
        return np.full((height, width), level, np.uint8)

    return Picture(plane(72, 128), plane(36, 64), plane(36, 64))


def moment(picture: Picture | None, *, muted: bool = False, now_ns: int = 0) -> Moment:
    member = Member(key=ADA, name="Ada", live=picture is not None, muted=muted)
    return Moment(now_ns, {}, (member,), {} if picture is None else {ADA: picture}, None, {}, {})


class Playing:
    """A composite with one hub, played at its own rate from the beginning."""

    def __init__(self) -> None:
        self.composite = Composite(VIEW, 0, lambda _: None)
        self.hub = CountingHub()
        self.composite.hubs = (self.hub,)
        self.n = 0

    def play(self, seconds: float, what: Callable[[], Moment]) -> int:
        """Plays so long; how many canvases the hub was shown meanwhile."""
        before = len(self.hub.times_ns)
        for _ in range(round(seconds * VIEW.fps)):
            self.n += 1
            self.composite.tick(self.composite.timeline.canvas_tick_ns(self.n), what())
        return len(self.hub.times_ns) - before


def test_what_moves_is_drawn_and_encoded_at_every_tick() -> None:
    playing = Playing()
    assert playing.play(2, lambda: moment(grey())) == 60
    assert playing.composite.statistics.composed == 60


def test_every_second_picture_may_be_left_out() -> None:
    playing = Playing()
    playing.composite.every = 2
    assert playing.play(2, lambda: moment(grey())) == 30
    gaps = np.diff(playing.hub.times_ns)
    assert gaps.min() > 0.9 * 2 * NS_PER_S / VIEW.fps
    playing.composite.every = 1
    assert playing.play(1, lambda: moment(grey())) == 30


def test_a_bound_on_tiles_is_one_beside_the_layouts_own() -> None:
    playing, people = Playing(), tuple(Member(key=TileKey(f"p{n}"), name="", live=False) for n in range(12))
    crowded = Moment(0, {}, people, {}, None, {}, {})
    shown = []
    for most in (None, 9, 4, 49, None):
        playing.composite.most_tiles = most
        playing.play(0.1, lambda: crowded)
        shown.append(len(playing.composite.placed))
    assert shown == [12, 9, 4, 12, 12]


def test_what_stands_still_is_drawn_once_and_soon_encoded_seldom() -> None:
    playing = Playing()
    still = moment(grey())
    playing.play(REST_AFTER_NS / NS_PER_S + 0.1, lambda: still)
    assert playing.play(4, lambda: still) == round(4 * NS_PER_S / REST_INTERVAL_NS)
    assert playing.composite.statistics.composed <= 2  # the second one with the number of the new tile map


@pytest.mark.parametrize("change", [moment(grey(), muted=True), moment(grey(90)), moment(None)])
def test_any_change_ends_the_rest_at_once(change: Moment) -> None:
    playing = Playing()
    still = moment(grey())
    playing.play(3, lambda: still)
    assert playing.play(0.5, lambda: change) == 15
    playing.play(3, lambda: change)
    assert playing.play(4, lambda: change) == 8


def test_a_resting_hub_that_owes_a_keyframe_is_fed_at_once() -> None:
    playing = Playing()
    still = moment(None)
    playing.play(3.1, lambda: still)
    playing.hub.owes_keyframe = True
    assert playing.play(1 / VIEW.fps, lambda: still) == 1
    playing.hub.owes_keyframe = False
    assert playing.play(1 / VIEW.fps, lambda: still) == 0


def test_a_view_that_nobody_watches_keeps_no_canvas_and_its_tiles() -> None:
    playing = Playing()
    playing.play(0.1, lambda: moment(grey()))
    playing.composite.hubs = ()
    playing.play(0.1, lambda: moment(None))
    drawn = playing.composite.statistics.composed
    playing.play(1, lambda: moment(grey()))
    assert playing.composite.statistics.composed == drawn
    assert [tile.participant for tile in playing.composite.tile_map.tiles] == ["ada"]


def both(ada: Picture, *others: str) -> Moment:
    """Ada with others, who have cameras too."""
    keys = [ADA, *(TileKey(other) for other in others)]
    members = tuple(Member(key=key, name=key.participant, live=True) for key in keys)
    return Moment(0, {}, members, dict.fromkeys(keys, ada), None, {}, {})


@pytest.mark.parametrize(("ms", "drawn"), [(0, 1), (200, 6)])
def test_who_comes_and_goes_moves_the_others_for_as_long_as_the_layout_says(ms: int, drawn: int) -> None:
    """The tile map changes once each time: it says where people go, not where they pass by."""
    playing, picture = Playing(), grey()
    playing.composite.transition = Transition(ms=ms)
    playing.play(0.2, lambda: both(picture))
    for people in (("bob",), ()):
        before, seq = playing.composite.statistics.composed, playing.composite.tile_map.layout_seq
        playing.play(1, lambda people=people: both(picture, *people))  # type: ignore[misc]  # bound in each round
        assert abs(playing.composite.statistics.composed - before - drawn) <= 1
        assert playing.composite.tile_map.layout_seq == seq + 1
    assert [tile.participant for tile in playing.composite.tile_map.tiles] == ["ada"]


def test_decor_is_drawn_when_it_comes_and_once() -> None:
    playing, still = Playing(), moment(None)
    red, avatar = Decor(background=grey(200)), Decor(avatars={"ada": grey(220)})
    playing.play(3, lambda: still)
    for decor in (red, avatar, BARE):
        before = playing.composite.statistics.composed
        worn = replace(still, decors={VIEW.name: decor})
        assert playing.play(0.5, lambda worn=worn: worn) == 15, "the hub is awake again"  # type: ignore[misc]  # bound
        assert playing.composite.statistics.composed == before + 1
        playing.play(3, lambda worn=worn: worn)  # type: ignore[misc]  # bound in each round


def test_who_leaves_keeps_their_avatar_until_they_have_faded() -> None:
    playing, face = Playing(), grey(235)
    playing.composite.transition = Transition(ms=400)
    here = replace(moment(None), decors={VIEW.name: Decor(avatars={"ada": face})})
    gone = Moment(0, {}, (), {}, None, {}, {}, decors={VIEW.name: Decor()})

    def luma() -> int:
        canvas = playing.hub.shown
        assert canvas is not None
        return int(canvas.canvas.picture.y[36, 64])

    playing.play(1, lambda: here)
    assert luma() > 220
    faces = []
    for _ in range(15):
        playing.play(1 / VIEW.fps, lambda: gone)
        faces.append(luma())
    assert faces == sorted(faces, reverse=True), "a disc of another colour would show up in between"
    assert faces[2] > 150
    assert faces[-1] < 60


def test_two_views_that_show_somebody_in_one_size_scale_their_picture_once() -> None:
    scaled = ScaledPictures()
    other = VIEW.model_copy(update={"name": "other", "fps": 15})
    views = [Composite(spec, 0, lambda _: None, scaled=scaled) for spec in (VIEW, other)]
    for view in views:
        view.hubs = (CountingHub(),)
    for n, instant in enumerate((moment(grey()), moment(grey(60))), 1):
        for view in views:
            view.tick(view.timeline.canvas_tick_ns(n), instant)
        assert scaled.count == n


def pictures(*rates: int) -> RoomPictures:
    room = RoomPictures("test", SystemClock(), stale_after_ns=NS_PER_S, park_after_ns=NS_PER_S, speech=SpeechState)
    start_ns = SystemClock().now_ns()
    specs = [ViewSpec(name=f"at{fps}", width=128, height=72, fps=fps) for fps in rates]
    room.composites = tuple(Composite(spec, start_ns, lambda _: None) for spec in specs)
    return room


@pytest.mark.parametrize(("rates", "instants"), [((30, 15), 30), ((25, 10), 30), ((3, 2, 1), 4), ((60, 30, 20), 60)])
def test_views_share_the_ticks_they_can(rates: tuple[int, ...], instants: int) -> None:
    """One second: each view has all its ticks, and the thread no more than the instants that differ."""
    room = pictures(*rates)
    (start_ns,) = {composite.timeline.start_ns for composite in room.composites}
    due = {c.timeline.canvas_tick_ns(n) for c in room.composites for n in range(1, c.timeline.fps + 1)}
    assert len(due) == instants
    room.tick(start_ns)
    before = [composite.statistics.ticks for composite in room.composites]
    for time_ns in sorted(due):
        room.tick(time_ns)
    assert [c.statistics.ticks - b for c, b in zip(room.composites, before, strict=True)] == list(rates)


def test_the_thread_wakes_for_the_ticks_of_the_fastest_view_only_when_they_divide() -> None:
    room = pictures(60, 30, 20)
    fast, half, third = room.composites
    room.start()
    while fast.statistics.ticks < 12:
        assert not room.join(0.01)
    room.close()
    assert room.join(10)
    assert room.statistics.ticks == fast.statistics.ticks
    assert room.statistics.failed == 0
    if not room.statistics.skipped:
        assert abs(fast.statistics.ticks - 2 * half.statistics.ticks) <= 2
        assert abs(fast.statistics.ticks - 3 * third.statistics.ticks) <= 3


def test_a_view_that_came_late_is_not_played_for_the_past() -> None:
    room = pictures(10)
    (first,) = room.composites
    start_ns = first.timeline.start_ns
    room.tick(start_ns + NS_PER_S)
    slow = Composite(ViewSpec(name="slow", fps=2), start_ns, lambda _: None)
    room.composites = (first, slow)
    room.tick(start_ns + NS_PER_S + 100 * NS_PER_MS)
    assert slow.statistics.ticks == 0
    room.tick(start_ns + NS_PER_S + 500 * NS_PER_MS)
    assert (slow.statistics.ticks, first.statistics.ticks) == (1, 3)


class Source:
    """One camera that nobody sends from."""

    def __init__(self) -> None:
        self.wishes = 0
        self.pool = DecodePool(1)
        self.decoding = VideoDecoding(self.pool, self.wish, "ada/camera")
        self.input = PictureInput(ADA, "Ada", self.decoding, None, shown=True, muted=False, reconnecting=False)

    def wish(self) -> None:
        self.wishes += 1


def test_a_source_is_parked_after_a_while_and_back_at_once() -> None:
    source, parking = Source(), Parking(2 * NS_PER_S)
    unseen: list[frozenset[TileKey]] = [frozenset(), frozenset()]
    parking.look([source.input], unseen, 0)
    parking.look([source.input], unseen, 2 * NS_PER_S - 1)
    assert not source.decoding.parked
    parking.look([source.input], [frozenset(), frozenset({ADA})], 2 * NS_PER_S)
    parking.look([source.input], unseen, 3 * NS_PER_S)
    assert not source.decoding.parked
    parking.look([source.input], unseen, 5 * NS_PER_S)
    assert (source.decoding.parked, source.wishes) == (True, 0)
    parking.look([source.input], [frozenset({ADA})], 5 * NS_PER_S + 1)
    parking.look([source.input], [frozenset({ADA})], 5 * NS_PER_S + 2)
    assert (source.decoding.parked, source.wishes) == (False, 1)


def test_a_source_that_is_switched_off_is_parked_though_it_has_a_tile() -> None:
    source, parking = Source(), Parking(2 * NS_PER_S)
    off = replace(source.input, shown=False)
    for seconds in (0, 2):
        parking.look([off], [frozenset({ADA})], seconds * NS_PER_S)
    assert source.decoding.parked
    parking.look([], [frozenset()], 3 * NS_PER_S)
    parking.look([source.input], [frozenset({ADA})], 4 * NS_PER_S)
    assert not source.decoding.parked


def test_a_tile_tells_packets_keyframes_and_broken_pictures_apart() -> None:
    source = Source()
    clock = source.pool.clock

    def state() -> str:
        return state_of(source.input, live=False, now_ns=clock.now_ns())

    def send(data: bytes, *, keyframe: bool) -> None:
        now_ns = clock.now_ns()
        source.decoding.push(ReceivedFrame("H264", data, keyframe, 0, 1, now_ns))

    assert state() == "no_packets"
    send(b"\0\0\1\x41 no picture", keyframe=False)
    assert state() == "no_keyframe"
    source.pool.start()
    send(b"\0\0\1\x65 no picture at all", keyframe=True)
    for _ in range(1000):
        if source.decoding.statistics.errors:
            break
        source.pool.join(0.01)
    source.pool.close()
    assert source.pool.join(10)
    assert state() == "decode_error"
    assert state_of(replace(source.input, shown=False), live=False, now_ns=0) == "muted"
    assert state_of(replace(source.input, reconnecting=True), live=True, now_ns=0) == "reconnecting"
    assert state_of(source.input, live=True, now_ns=0) == "live"


async def test_a_snapshot_that_is_not_drawn_says_when_to_come_back() -> None:
    composite = Composite(VIEW, 0, lambda _: None)
    with pytest.raises(NoCapacity, match="overloaded") as busy:
        await composite.snapshot("png", 0.01)
    assert busy.value.retry_after_s
    composite.close()
    with pytest.raises(Conflict, match="not drawn any more"):
        await composite.snapshot("png", 20)

import asyncio
import threading
from collections.abc import Iterator

import av
import pytest

from mcu.clock import SystemClock
from mcu.frames import EncodedFrame
from mcu.media.canvases import CanvasPool
from mcu.media.decoder import VideoDecoder
from mcu.media.encoding import VideoEncoder
from mcu.media.hub import EncoderHub
from mixer.canvas import Canvas
from tests.kit.eventually import eventually
from tests.kit.moving import FPS, SMALL, TICK_NS, draw_moving, received


class Collected:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.frames: list[EncodedFrame] = []

    def write(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)

    @property
    def keyframes(self) -> list[int]:
        return [frame.time_ns // TICK_NS for frame in self.frames if frame.keyframe]


class Stalled(Collected):
    """A sink that holds the hub's thread until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def write(self, frame: EncodedFrame) -> None:
        super().write(frame)
        self.entered.set()
        assert self.let_go.wait(30)


class Studio:
    """A hub and the ticks of a mixer that never waits for it, except where a test says so."""

    def __init__(self) -> None:
        self.hub = EncoderHub("main", "VP8", SMALL.width, SMALL.height, FPS, 300_000, SystemClock())
        self.pool = CanvasPool(SMALL, 4)
        self.tick = 0

    def submit(self) -> None:
        canvas = self.pool.take()
        assert canvas is not None
        draw_moving(canvas.canvas, self.tick)
        self.hub.submit(canvas, self.tick * TICK_NS)
        canvas.release()
        self.tick += 1

    def show(self, ticks: int) -> None:
        """Ticks that each wait until the last canvas has come through the encoder."""
        for _ in range(ticks):
            done = self.hub.statistics.frames + self.hub.statistics.errors
            self.submit()
            eventually(lambda done=done: self._done > done)  # type: ignore[misc]  # mypy can't infer the default
        eventually(lambda: len(self.pool) == 4)

    @property
    def _done(self) -> int:
        return self.hub.statistics.frames + self.hub.statistics.errors


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    studio.hub.start()
    yield studio
    studio.hub.close()
    assert studio.hub.join()
    assert len(studio.pool) == 4


def settled(sink: Collected, frames: int) -> Collected:
    eventually(lambda: len(sink.frames) >= frames)
    return sink


def test_every_sink_gets_the_same_frames_from_a_keyframe_on(studio: Studio) -> None:
    sinks = [Collected(), Collected()]
    for sink in sinks:
        studio.hub.add_sink(sink)
    studio.show(10)
    first, second = (settled(sink, 10).frames for sink in sinks)
    assert all(one is other for one, other in zip(first, second, strict=True))
    assert [frame.time_ns for frame in first] == [tick * TICK_NS for tick in range(10)]
    assert sinks[0].keyframes == [0]
    decoder = VideoDecoder("VP8")
    assert all(decoder.decode(received(frame)) is not None for frame in first)


def test_three_requests_at_once_make_one_keyframe(studio: Studio) -> None:
    sink = Collected()
    studio.hub.add_sink(sink)
    studio.show(20)
    threads = [threading.Thread(target=studio.hub.request_keyframe) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    studio.show(40)
    assert settled(sink, 60).keyframes == [0, 20]
    assert studio.hub.statistics.keyframe_requests == 4  # the sink's own is one
    assert studio.hub.statistics.keyframes == 2


def test_a_request_too_soon_after_a_keyframe_is_kept_for_later(studio: Studio) -> None:
    sink = Collected()
    studio.hub.add_sink(sink)
    studio.show(2)
    for _ in range(5):
        studio.hub.request_keyframe()
    studio.show(40)
    assert settled(sink, 42).keyframes == [0, 13]  # the first tick half a second after
    studio.hub.request_keyframe()
    studio.show(1)
    assert settled(sink, 43).keyframes == [0, 13, 42]


def test_a_new_sink_starts_with_a_keyframe_of_its_own(studio: Studio) -> None:
    first, late = Collected(), Collected()
    studio.hub.add_sink(first)
    studio.show(5)
    studio.hub.add_sink(late)
    studio.hub.add_sink(late)
    studio.show(20)
    assert settled(late, 12).keyframes == [13]
    assert late.frames[0].keyframe
    assert len(late.frames) == 12
    assert len(settled(first, 25).frames) == 25
    assert studio.hub.statistics.sinks == 2


def test_a_recorder_gets_regular_keyframes(studio: Studio) -> None:
    sink = Collected()
    studio.hub.add_sink(sink)
    studio.hub.set_keyframe_interval(2)
    studio.show(101)
    assert settled(sink, 101).keyframes == [0, 50, 100]
    studio.hub.set_keyframe_interval(None)
    studio.show(60)
    assert settled(sink, 161).keyframes == [0, 50, 100]


def test_a_stalled_sink_costs_canvases_and_never_the_mixer(studio: Studio) -> None:
    stalled = Stalled()
    studio.hub.add_sink(stalled)
    studio.submit()
    assert stalled.entered.wait(20)
    for _ in range(50):
        studio.submit()  # would run out of canvases if overtaken ones weren't given back
    assert studio.hub.statistics.dropped == 49
    assert len(studio.pool) == 3
    stalled.let_go.set()
    eventually(lambda: len(stalled.frames) == 2)
    assert [frame.time_ns // TICK_NS for frame in stalled.frames] == [0, 50]


def test_a_sink_that_raises_is_removed_and_the_others_go_on(studio: Studio) -> None:
    class Broken(Collected):
        def write(self, frame: EncodedFrame) -> None:
            super().write(frame)
            raise OSError("no space left")

    broken, sound = Broken(), Collected()
    studio.hub.add_sink(broken)
    studio.hub.add_sink(sound)
    studio.show(5)
    assert len(settled(sound, 5).frames) == 5
    assert len(broken.frames) == 1
    assert studio.hub.statistics.sinks == 1


def test_a_removed_sink_gets_nothing_more(studio: Studio) -> None:
    leaving, staying = Collected(), Collected()
    studio.hub.add_sink(leaving)
    studio.hub.add_sink(staying)
    studio.show(3)
    settled(staying, 3)
    studio.hub.remove_sink(leaving)
    studio.hub.remove_sink(leaving)
    studio.show(3)
    settled(staying, 6)
    assert len(leaving.frames) == 3


def test_a_failing_encoder_is_replaced(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Collected()
    studio.hub.add_sink(sink)
    studio.show(3)
    encode = VideoEncoder.encode
    failures = iter([True, True])

    def failing(self: VideoEncoder, canvas: Canvas, time_ns: int, keyframe: bool = False) -> EncodedFrame | None:
        if next(failures, False):
            raise av.error.ExternalError(-1, "out of order")
        return encode(self, canvas, time_ns, keyframe)

    monkeypatch.setattr(VideoEncoder, "encode", failing)
    studio.show(5)
    assert settled(sink, 6).keyframes == [0, 5]
    assert studio.hub.statistics.errors == 2


def test_figures_add_up(studio: Studio) -> None:
    sink = Collected()
    studio.hub.add_sink(sink)
    studio.show(4)
    settled(sink, 4)
    statistics = studio.hub.statistics
    assert (statistics.frames, statistics.keyframes, statistics.dropped) == (4, 1, 0)
    assert statistics.bytes == sum(len(frame.data) for frame in sink.frames)
    assert statistics.encode_ms > 0


def test_a_hub_that_cannot_encode_says_so_at_the_start() -> None:
    hub = EncoderHub("main", "H264", 161, 96, FPS, 300_000, SystemClock())
    with pytest.raises(ValueError, match="even sides"):
        hub.start()
    hub.close()
    assert hub.join()


def test_closing_gives_canvases_back_and_takes_none() -> None:
    studio = Studio()  # not started: the canvas waits
    studio.submit()
    assert len(studio.pool) == 3
    studio.hub.close()
    studio.hub.close()
    assert len(studio.pool) == 4
    studio.submit()
    assert len(studio.pool) == 4


async def test_closing_does_not_hold_the_loop() -> None:
    studio = Studio()
    studio.hub.start()
    stalled = Stalled()
    studio.hub.add_sink(stalled)
    studio.submit()
    await asyncio.to_thread(stalled.entered.wait, 20)
    closing = asyncio.create_task(studio.hub.aclose())
    await asyncio.sleep(0)
    assert not closing.done()  # the loop goes on while the hub's thread is held
    stalled.let_go.set()
    await asyncio.wait_for(closing, 20)
    assert not any(thread.name == "hub-main" for thread in threading.enumerate())

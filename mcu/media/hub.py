"""One encoder and everybody who wants its frames: a thread that takes the newest canvas, compresses it once and hands
the result to each sink."""

import asyncio
import threading
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from mcu.clock import NS_PER_MS, NS_PER_S, Clock
from mcu.frames import EncodedFrame, VideoCodec
from mcu.mailbox import Latest
from mcu.media.canvases import SharedCanvas
from mcu.media.encoding import Effort, VideoEncoder
from mcu.thread_name import show_thread_name

log = structlog.get_logger()

KEYFRAME_THROTTLE_NS: Final = 500 * NS_PER_MS
"""Between two keyframes at least: a storm of requests would spend the bits of everybody's picture on them."""
CLOSE_TIMEOUT_S: Final = 2.0
IDLE_WAKE_S: Final = 1.0


class FrameSink(Protocol):
    """Takes a hub's frames, in order, on the hub's thread. The first one is a keyframe. A sink that raises is removed;
    one that is slow makes the hub skip canvases, so it should take its frame and return.
    """

    def write(self, frame: EncodedFrame) -> None: ...


@dataclass(frozen=True, slots=True)
class HubStatistics:
    """Counts since the start. ``dropped``: canvases that a newer one overtook before they were encoded; ``errors``:
    canvases that couldn't be encoded; ``encode_ms``: the sum of the time spent in the encoder.
    """

    frames: int = 0
    keyframes: int = 0
    keyframe_requests: int = 0
    bytes: int = 0
    dropped: int = 0
    errors: int = 0
    encode_ms: float = 0.0
    sinks: int = 0


@dataclass(frozen=True, slots=True)
class _Submission:
    canvas: SharedCanvas
    time_ns: int


class EncoderHub:
    """Encodes one (view, codec, tier). All methods from any thread unless they say otherwise.

    Its owner starts it, closes it and then joins it; sinks belong to whoever added them and are not closed.
    """

    def __init__(
        self,
        name: str,
        codec: VideoCodec,
        width: int,
        height: int,
        fps: float,
        bitrate_bps: int,
        clock: Clock,
        effort: Effort = "full",
    ) -> None:
        self.name = name
        self.codec: VideoCodec = codec
        self.width = width
        self.height = height
        self.fps = fps
        self.bitrate_bps = bitrate_bps
        self.effort: Effort = effort
        """What its encoder should be like. Another one takes over with a keyframe, half a second after the last at the
        earliest; nobody who watches or records sees more of it than that. Written by one thread."""
        self._clock = clock
        self._log = log.bind(hub=name)
        self._canvases: Latest[_Submission] = Latest()
        self._thread = threading.Thread(target=self._run, name=f"hub-{name}", daemon=True)
        self._lock = threading.Lock()
        self._sinks: tuple[FrameSink, ...] = ()
        self._fresh: frozenset[int] = frozenset()  # ids of sinks that have had no keyframe yet
        self._statistics = HubStatistics()
        self._keyframe_wanted = True
        self._keyframe_interval_ns: int | None = None
        self._encoder: VideoEncoder | None = None  # the hub's thread's own once started, like what follows
        self._last_keyframe_ns: int | None = None
        self._failing = False

    def start(self) -> None:
        """Opens the encoder (some 10 ms) and starts the thread. Raises ``ValueError`` or ``av.FFmpegError`` when the
        encoder can't be opened, ``RuntimeError`` when the thread can't be started or was started before.
        """
        self._encoder = self._open_encoder()
        self._thread.start()

    def submit(self, canvas: SharedCanvas, time_ns: int) -> None:
        """Shows the hub the canvas of a tick at room time ``time_ns``. Never blocks. The hub keeps a hold of its own
        until it has encoded the canvas or a newer one has overtaken it; the caller releases the caller's.
        """
        lost = self._canvases.put(_Submission(canvas.retain(), time_ns))
        if lost is not None:
            lost.canvas.release()
            self._count(dropped=1)

    def request_keyframe(self) -> None:
        """Makes the next frame a keyframe, or the first one half a second after the last keyframe. Requests that
        arrive before it are one.
        """
        with self._lock:
            self._want_keyframe()

    @property
    def keyframe_wanted(self) -> bool:
        """Somebody waits for a keyframe: a viewer or sink that has just come, or one that lost too much."""
        with self._lock:
            return self._keyframe_wanted

    def set_keyframe_interval(self, seconds: float | None) -> None:
        """The longest room time between keyframes, for a recorder; None, as in the beginning: only on request."""
        with self._lock:
            self._keyframe_interval_ns = None if seconds is None else round(seconds * NS_PER_S)

    def add_sink(self, sink: FrameSink) -> None:
        """Hands the sink every frame from the next keyframe on, which is asked for. Adding it twice does nothing."""
        with self._lock:
            if any(other is sink for other in self._sinks):
                return
            self._sinks = (*self._sinks, sink)
            self._fresh |= {id(sink)}
            self._want_keyframe()

    def remove_sink(self, sink: FrameSink) -> None:
        """A frame that is being handed out may still reach the sink after this returns. Unknown sinks are ignored."""
        with self._lock:
            self._sinks = tuple(other for other in self._sinks if other is not sink)
            self._fresh -= {id(sink)}

    def close(self) -> None:
        """Ends the thread after the frame it is at and gives waiting canvases back. Returns at once. Idempotent."""
        self._canvases.close()
        waiting = self._canvases.take()
        if waiting is not None:
            waiting.canvas.release()

    def join(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Waits for the thread; False when a sink or a codec still holds it. Blocks: not on an event loop."""
        if self._thread.ident is None:
            return True
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._log.error("hub_thread_stuck", waited_s=timeout_s)
            return False
        return True

    async def aclose(self) -> None:
        """``close`` and ``join`` for an event loop, which goes on meanwhile."""
        self.close()
        await asyncio.to_thread(self.join)

    @property
    def statistics(self) -> HubStatistics:
        with self._lock:
            return replace(self._statistics, sinks=len(self._sinks))

    def _run(self) -> None:
        show_thread_name()
        while True:
            submission = self._canvases.wait(IDLE_WAKE_S)
            if submission is not None:
                self._serve(submission)
            elif self._canvases.closed:
                self._encoder = None
                return

    def _serve(self, submission: _Submission) -> None:
        try:
            frame = self._encode(submission)
        except Exception as error:  # the boundary: a codec's fault costs a frame and an encoder, not the view
            self._encoder = None
            self._count(errors=1)
            if not self._failing:
                self._log.error("encode_failed", codec=self.codec, error=repr(error))
            self._failing = True
            return
        finally:
            submission.canvas.release()
        self._failing = False
        if frame is not None:
            self._hand_out(frame)

    def _encode(self, submission: _Submission) -> EncodedFrame | None:
        keyframe = self._keyframe_due(submission.time_ns)
        if keyframe and self._stale:
            self._encoder = None
        if self._encoder is None:
            self._encoder = self._open_encoder()
        started_ns = self._clock.now_ns()
        frame = self._encoder.encode(submission.canvas.canvas, submission.time_ns, keyframe)
        spent_ms = (self._clock.now_ns() - started_ns) / NS_PER_MS
        if frame is None:
            self._count(encode_ms=spent_ms)
            return None
        if frame.keyframe:
            self._last_keyframe_ns = submission.time_ns
        self._count(frames=1, keyframes=int(frame.keyframe), size=len(frame.data), encode_ms=spent_ms)
        return frame

    def _open_encoder(self) -> VideoEncoder:
        return VideoEncoder(self.codec, self.width, self.height, self.fps, self.bitrate_bps, effort=self.effort)

    @property
    def _stale(self) -> bool:
        return self._encoder is not None and self._encoder.effort != self.effort

    def _want_keyframe(self) -> None:
        self._keyframe_wanted = True
        self._statistics = replace(self._statistics, keyframe_requests=self._statistics.keyframe_requests + 1)

    def _keyframe_due(self, time_ns: int) -> bool:
        """Whether this frame must be a keyframe. A wish is forgotten before the frame is made, so that one which
        arrives meanwhile counts for a later frame.
        """
        with self._lock:
            if self._last_keyframe_ns is None:
                due = True
            else:
                age_ns = time_ns - self._last_keyframe_ns
                interval_ns = self._keyframe_interval_ns
                due = (self._keyframe_wanted or self._stale) and age_ns >= KEYFRAME_THROTTLE_NS
                due |= interval_ns is not None and age_ns >= interval_ns
            if due:
                self._keyframe_wanted = False
            return due

    def _hand_out(self, frame: EncodedFrame) -> None:
        with self._lock:
            sinks, fresh = self._sinks, self._fresh
            if frame.keyframe:
                self._fresh = frozenset()
        for sink in sinks:
            if not frame.keyframe and id(sink) in fresh:
                continue
            try:
                sink.write(frame)
            except Exception as error:  # the boundary: one sink's fault is not the others'
                self._log.error("sink_removed", sink=type(sink).__name__, error=repr(error))
                self.remove_sink(sink)

    def _count(
        self,
        frames: int = 0,
        keyframes: int = 0,
        size: int = 0,
        dropped: int = 0,
        errors: int = 0,
        encode_ms: float = 0,
    ) -> None:
        with self._lock:
            old = self._statistics
            self._statistics = replace(
                old,
                frames=old.frames + frames,
                keyframes=old.keyframes + keyframes,
                bytes=old.bytes + size,
                dropped=old.dropped + dropped,
                errors=old.errors + errors,
                encode_ms=old.encode_ms + encode_ms,
            )

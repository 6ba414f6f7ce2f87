"""One incoming video, decoded by the pool's threads: in order, on one thread at a time, its newest picture kept.

A stream (``VideoDecoding``) that has frames waiting stands once in the pool's line. A thread of the pool decodes a few
of them, then lets the next stream have its turn. Nothing waits for a reader: the mixer peeks at ``latest``.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import ReceivedFrame, VideoCodec
from mcu.mailbox import Latest
from mcu.media.decode_pool import DecodePool
from mcu.media.decoder import VideoDecoder
from mcu.media.pictures import picture_of
from mixer.picture import Picture

log = structlog.get_logger()

BACKLOG_FRAMES: Final = 30
"""A second of video. Further behind than this, catching up shows nothing that a keyframe wouldn't show sooner."""
BACKLOG_BYTES: Final = 1 << 20
FRAMES_A_TURN: Final = 4
"""How much of one stream's backlog is decoded before the next stream's turn."""
RECENT_PICTURES: Final = 8
"""What is kept for pictures that wait for their sound: a quarter of a second at 30 a second."""
KEYFRAME_PATIENCE_NS: Final = 500 * NS_PER_MS
"""A keyframe that was asked for and hasn't come is asked for again after this long: either may have been lost."""
LOG_EVERY_NS: Final = 5 * NS_PER_S
"""A stream that goes on failing is counted for each frame and written down this often."""


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """``generation`` counts the pictures of its stream from 1, so a reader knows whether it has seen this one.
    ``arrived_ns`` and ``decoded_ns`` are monotonic times of the pool's clock; ``rtp_timestamp`` the raw 32 bits.
    """

    picture: Picture
    generation: int
    rtp_timestamp: int
    arrived_ns: int
    decoded_ns: int


@dataclass(frozen=True, slots=True)
class DecodingStatistics:
    """Counts since the start. ``dropped``: frames that were never decoded (backlog, parked, no keyframe yet, empty);
    ``recreated``: decoders replaced after an error or a change of codec; ``width`` × ``height`` of the last picture;
    ``parked``: paused now. The times are monotonic; frames and keyframes arrive whether they are decoded or not.
    """

    decoded: int = 0
    dropped: int = 0
    errors: int = 0
    recreated: int = 0
    last_decoded_ns: int | None = None
    width: int = 0
    height: int = 0
    last_arrived_ns: int | None = None
    last_keyframe_ns: int | None = None
    last_error_ns: int | None = None
    parked: bool = False


class VideoDecoding:
    """One incoming video, decoded. ``push``, ``pause``, ``resume`` and ``close`` on the event loop (any thread will
    do); ``latest`` and ``statistics`` from any.

    ``on_keyframe_wanted`` is called from decoder threads and from within ``push`` and ``resume``, never with a lock
    held: it has to hand the wish to its own thread and to return at once.
    """

    def __init__(self, pool: DecodePool, on_keyframe_wanted: Callable[[], None], label: str) -> None:
        self.latest: Latest[DecodedPicture] = Latest()
        self._pool = pool
        self._on_keyframe_wanted = on_keyframe_wanted
        self._log = log.bind(stream=label)
        self._lock = threading.Lock()
        self._backlog: deque[ReceivedFrame] = deque(maxlen=BACKLOG_FRAMES)
        self._backlog_bytes = 0
        self._queued = False
        self._paused = False
        self._closed = False
        self._awaits_keyframe = True
        self._asked_ns: int | None = None
        self._arrived_ns: int | None = None
        self._keyframe_ns: int | None = None
        self._error_ns: int | None = None
        self._logged_ns: int | None = None
        self._recent: tuple[DecodedPicture, ...] = ()
        self._source: tuple[VideoCodec, int] | None = None
        self._epoch = 0
        self._statistics = DecodingStatistics()
        self._decoder: VideoDecoder | None = None  # only for the thread whose turn it is

    @property
    def statistics(self) -> DecodingStatistics:
        with self._lock:
            return replace(
                self._statistics,
                last_arrived_ns=self._arrived_ns,
                last_keyframe_ns=self._keyframe_ns,
                last_error_ns=self._error_ns,
                parked=self._paused,
            )

    @property
    def parked(self) -> bool:
        """Between ``pause`` and ``resume``. Any thread."""
        return self._paused

    @property
    def arrived_ns(self) -> int | None:
        """When the newest frame arrived, decoded or not. Any thread."""
        return self._arrived_ns

    @property
    def running(self) -> bool:
        """A decoder is open and fed. Any thread."""
        return self._decoder is not None and not self._paused and not self._closed

    def push(self, frame: ReceivedFrame) -> None:
        """Takes the next frame in decoding order. Never blocks; what can't be used is dropped and counted."""
        with self._lock:
            ask = self._accept(frame)
            queue = bool(self._backlog) and not self._queued
            self._queued |= queue
        if queue:
            self._pool.queue(self)
        if ask:
            self._on_keyframe_wanted()

    def picture_at(self, time_ns: int, due_ns: Callable[[DecodedPicture], int]) -> DecodedPicture | None:
        """The newest recent picture that is due at room time ``time_ns``; the oldest while none is. Any thread."""
        recent = self._recent
        for decoded in reversed(recent):
            if due_ns(decoded) <= time_ns:
                return decoded
        return recent[0] if recent else None

    def clear_pictures(self) -> None:
        """Forgets the pictures, so that an old one can't flash up when the source comes back. Any thread."""
        with self._lock:
            self._clear_pictures()

    def pause(self) -> None:
        """Parks the stream: frames are dropped undecoded, the last picture is forgotten."""
        with self._lock:
            self._paused = True
            self._forget()

    def resume(self) -> None:
        """Ends a pause and asks for the keyframe that decoding goes on from."""
        with self._lock:
            if not self._paused or self._closed:
                return
            self._paused = False
            self._asked_ns = self._pool.clock.now_ns()
        self._on_keyframe_wanted()

    def close(self) -> None:
        """Drops what waits and the last picture. Idempotent, returns at once; a picture being decoded is dropped."""
        with self._lock:
            self._closed = True
            self._forget()
            if not self._queued:
                self._decoder = None
        self.latest.close()

    def take_turn(self) -> bool:
        """For the pool: decodes a few frames on one of its threads; True when the stream wants another turn."""
        for _ in range(FRAMES_A_TURN):
            with self._lock:
                if self._closed:
                    self._decoder = None
                if not self._backlog:
                    self._queued = False
                    return False
                frame = self._backlog.popleft()
                self._backlog_bytes -= len(frame.data)
                epoch = self._epoch
            try:
                self._decode(frame, epoch)
            except Exception as error:  # the boundary: whatever a peer's bits do to a codec ends here
                self._recover(frame, error)
        return True

    def _accept(self, frame: ReceivedFrame) -> bool:
        """Puts the frame in the backlog or drops it, under the lock; True when a keyframe is to be asked for."""
        self._arrived_ns = frame.arrived_ns
        if frame.keyframe:
            self._keyframe_ns = frame.arrived_ns
        if self._paused or self._closed or not frame.data:
            self._count(dropped=1)
            return False
        source = frame.codec, frame.ssrc
        if source != self._source and not frame.keyframe:
            self._awaits_keyframe = True
        if len(self._backlog) >= BACKLOG_FRAMES or self._backlog_bytes + len(frame.data) > BACKLOG_BYTES:
            self._warn(frame, "video_backlog_dropped", frames=len(self._backlog), bytes_waiting=self._backlog_bytes)
            self._drop_backlog()
            self._awaits_keyframe = True
        if len(frame.data) > BACKLOG_BYTES or (self._awaits_keyframe and not frame.keyframe):
            self._count(dropped=1)
            return self._may_ask(frame.arrived_ns)
        self._awaits_keyframe = False
        self._source = source
        self._backlog.append(frame)
        self._backlog_bytes += len(frame.data)
        return False

    def _may_ask(self, now_ns: int) -> bool:
        if self._asked_ns is not None and now_ns - self._asked_ns < KEYFRAME_PATIENCE_NS:
            return False
        self._asked_ns = now_ns
        return True

    def _warn(self, frame: ReceivedFrame, event: str, **facts: object) -> None:
        if self._logged_ns is None or frame.arrived_ns - self._logged_ns >= LOG_EVERY_NS:
            self._logged_ns = frame.arrived_ns
            facts |= {"codec": frame.codec, "keyframe": frame.keyframe, "bytes": len(frame.data)}
            self._log.warning(event, errors=self._statistics.errors, dropped=self._statistics.dropped, **facts)

    def _forget(self) -> None:
        self._epoch += 1
        self._drop_backlog()
        self._clear_pictures()
        self._awaits_keyframe = True

    def _clear_pictures(self) -> None:
        self.latest.take()
        self._recent = ()

    def _drop_backlog(self) -> None:
        self._count(dropped=len(self._backlog))
        self._backlog.clear()
        self._backlog_bytes = 0

    def _count(self, dropped: int = 0, errors: int = 0, recreated: int = 0) -> None:
        old = self._statistics
        self._statistics = replace(
            old, dropped=old.dropped + dropped, errors=old.errors + errors, recreated=old.recreated + recreated
        )

    def _decode(self, frame: ReceivedFrame, epoch: int) -> None:
        if self._decoder is None or self._decoder.codec != frame.codec:
            with self._lock:
                self._count(recreated=int(self._decoder is not None))
            self._decoder = VideoDecoder(frame.codec)
        shown = self._decoder.decode(frame)
        if shown is None:
            return
        picture = picture_of(shown)
        now_ns = self._pool.clock.now_ns()
        with self._lock:
            if epoch != self._epoch:
                return
            generation = self._statistics.decoded + 1
            self._statistics = replace(
                self._statistics,
                decoded=generation,
                last_decoded_ns=now_ns,
                width=picture.width,
                height=picture.height,
            )
            rtp_timestamp = frame.rtp_timestamp if shown.pts is None else shown.pts
            decoded = DecodedPicture(picture, generation, rtp_timestamp, frame.arrived_ns, now_ns)
            self._recent = (*self._recent[1 - RECENT_PICTURES :], decoded)
            self.latest.put(decoded)

    def _recover(self, frame: ReceivedFrame, error: Exception) -> None:
        """A fresh decoder, and decoding goes on at the next keyframe: one that waits already, or one asked for."""
        self._decoder = None
        with self._lock:
            self._warn(frame, "decode_failed", error=repr(error))
            self._count(errors=1, recreated=1)
            self._error_ns = self._pool.clock.now_ns()
            while self._backlog and not self._backlog[0].keyframe:
                self._backlog_bytes -= len(self._backlog.popleft().data)
                self._count(dropped=1)
            ask = False
            if not self._backlog and not self._paused and not self._closed:
                self._awaits_keyframe = True
                ask = self._may_ask(frame.arrived_ns)
        if not ask:
            return
        try:
            self._on_keyframe_wanted()
        except Exception as fault:  # the boundary: a loop that has just closed must not cost a decoder thread
            self._log.warning("keyframe_request_failed", error=repr(fault))

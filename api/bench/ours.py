"""The picture path of the server, its own classes, fed as fast as they go; and its bare codecs, which are the floor."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import av

from api.bench.clips import FPS, Clip
from api.bench.harness import BenchFailed
from mcu.clock import NS_PER_S
from mcu.frames import EncodedFrame, VideoCodec
from mcu.media.decode_pool import DecodePool
from mcu.media.decoding import VideoDecoding
from mcu.media.encoding import VideoEncoder
from mixer.canvas import Canvas
from mixer.compositor import Compositor
from mixer.picture import Picture
from mixer.scene import Scene, TileKey

WARM_PICTURES: Final = FPS
"""Run and not counted: they hold the keyframe, and caches fill."""
PATIENCE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of processor time for a second of output. ``total`` is the whole process, threads and all."""

    total: float
    decode: float
    compose: float
    encode: float


@dataclass(frozen=True, slots=True)
class Run:
    spent: Spent
    encoded: Sequence[EncodedFrame]


def tick_ns(number: int) -> int:
    return number * NS_PER_S // FPS


def per_second_ms(seconds_of_cpu: float, pictures: int) -> float:
    return seconds_of_cpu * 1000 * FPS / pictures


def mix(clips: Sequence[Clip], scene: Scene, codec: VideoCodec, bitrate_bps: int) -> Run:
    """Decodes clips on a thread of the pool, composes and encodes on this one. A tile for each clip, in its order.
    Raises ``BenchFailed`` when no picture comes.
    """
    before = set(threading.enumerate())
    pool = DecodePool(1)
    pool.start()
    (decoder,) = set(threading.enumerate()) - before
    streams = {tile.key: VideoDecoding(pool, lambda: None, tile.name) for tile in scene.tiles}
    try:
        return _Mixing(clips, scene, streams, decoder).run(VideoEncoder(codec, *_sides(scene), FPS, bitrate_bps))
    finally:
        for stream in streams.values():
            stream.close()
        pool.close()
        pool.join()


class _Mixing:
    def __init__(
        self,
        clips: Sequence[Clip],
        scene: Scene,
        streams: Mapping[TileKey, VideoDecoding],
        decoder: threading.Thread,
    ) -> None:
        self._clips = clips
        self._scene = scene
        self._streams = streams
        self._compositor = Compositor()
        self._canvas = Canvas(scene.canvas)
        self._decoder_clock = time.pthread_getcpuclockid(decoder.ident or 0)

    def run(self, encoder: VideoEncoder) -> Run:
        count = len(self._clips[0].frames)
        encoded: list[EncodedFrame] = []
        compose_s = encode_s = 0.0
        total_s = decode_s = 0.0
        for number in range(count):
            if number == WARM_PICTURES:
                compose_s = encode_s = 0.0
                total_s, decode_s = time.process_time(), time.clock_gettime(self._decoder_clock)
            pictures = self._decoded(number)
            began_s = time.thread_time()
            self._compositor.draw(self._scene, pictures, self._canvas)
            drawn_s = time.thread_time()
            frame = encoder.encode(self._canvas, tick_ns(number))
            compose_s += drawn_s - began_s
            encode_s += time.thread_time() - drawn_s
            if frame is not None:
                encoded.append(frame)
        total_s = time.process_time() - total_s
        decode_s = time.clock_gettime(self._decoder_clock) - decode_s
        counted = count - WARM_PICTURES
        spent = (per_second_ms(part, counted) for part in (total_s, decode_s, compose_s, encode_s))
        return Run(Spent(*spent), encoded)

    def _decoded(self, number: int) -> dict[TileKey, Picture]:
        """The next picture of everybody. The pool's one thread takes streams in turn, so the last is done last."""
        for stream, clip in zip(self._streams.values(), self._clips, strict=True):
            stream.push(clip.frames[number])
        last = list(self._streams.values())[-1].latest.wait(PATIENCE_S)
        if last is None:
            raise BenchFailed("a decoder gave no picture")
        pictures = {self._scene.tiles[-1].key: last.picture}
        for key, stream in self._streams.items():
            if (newest := stream.latest.take()) is not None:
                pictures[key] = newest.picture
        return pictures


def bare_codecs(clips: Sequence[Clip], canvases: Sequence[Canvas], codec: VideoCodec, bitrate_bps: int) -> float:
    """Decodes the same packets and compresses composites that were drawn beforehand, and nothing else; milliseconds of
    processor time for a second of output.
    """
    decoders = []
    for _ in clips:
        context = av.CodecContext.create("vp8", "r")
        context.thread_count = 1
        decoders.append(context)
    size = canvases[0].size
    encoder = VideoEncoder(codec, size.width, size.height, FPS, bitrate_bps)
    began_s = 0.0
    for number, canvas in enumerate(canvases):
        if number == WARM_PICTURES:
            began_s = time.process_time()
        for decoder, clip in zip(decoders, clips, strict=True):
            decoder.decode(av.Packet(clip.frames[number].data))
        encoder.encode(canvas, tick_ns(number))
    return per_second_ms(time.process_time() - began_s, len(canvases) - WARM_PICTURES)


def _sides(scene: Scene) -> tuple[int, int]:
    return scene.canvas.width, scene.canvas.height

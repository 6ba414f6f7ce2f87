"""``fan-out``: what one more viewer of a view costs, beside the usual mixer on aiortc, which encodes for each."""

from collections.abc import Sequence
from contextlib import ExitStack
from time import process_time
from typing import Final

import av

from api.bench.clips import film_frames, to_and_fro
from api.bench.harness import Baseline, Bench, Case, Effort, Work
from api.bench.media import FILM_PICTURES, FPS, VIDEO_BPS, Media, make_media
from api.bench.send import VIEWERS, fanned_out
from api.bench.stock import stock_encoder
from mcu.media.pictures import VIDEO_TIME_BASE

UNIT: Final = "CPU ms/s"
CASES: Final = ("one more viewer",)

ENCODER: Final = Baseline("an aiortc encoder of its own", 0.005)


def one_more_viewer(media: Media) -> Work:
    """Milliseconds of processor time a second for picture and sound: a hundred viewers without one, shared out."""

    def work() -> float:
        many, one = (fanned_out(media, ("video", "audio"), viewers).cpu_s for viewers in (VIEWERS, 1))
        return (many - one) / (VIEWERS - 1) * 1000 * FPS / len(media.frames)

    return work


def one_more_encoder(film: Sequence[av.VideoFrame], count: int) -> Work:
    """aiortc's encoder and packetiser on the same pictures at the same bit rate; nothing is encrypted or sent."""

    def work() -> float:
        encoder = stock_encoder(VIDEO_BPS)
        began_s = process_time()
        for number in range(count):
            frame = film[to_and_fro(number, len(film))]
            frame.pts, frame.time_base = number * VIDEO_TIME_BASE.denominator // FPS, VIDEO_TIME_BASE
            encoder(frame)
        return (process_time() - began_s) * 1000 * FPS / count

    return work


def prepare(_: ExitStack, effort: Effort) -> list[Case]:
    seconds = 1 if effort.quick else 3
    film = film_frames(FILM_PICTURES)
    ours, theirs = one_more_viewer(make_media(seconds)), one_more_encoder(film, seconds * FPS)
    return [Case(CASES[0], UNIT, ours, {ENCODER: theirs})]


BENCH: Final = Bench(
    name="fan-out",
    work="one more viewer of a view, 720p@25 at 1.5 Mbit/s and a voice",
    cases=CASES,
    baselines=(ENCODER,),
    prepare=prepare,
)

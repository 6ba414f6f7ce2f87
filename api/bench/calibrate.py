"""``calibrate``: what people cost on this machine, for ``limits.costs`` of the settings.

In cores, with some spare: what a whole server has to do beside its codecs and packets grows with them.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from time import process_time
from typing import Final

from api.bench.clips import film_frames, received, to_and_fro
from api.bench.fan_out import one_more_viewer
from api.bench.harness import Bench, BenchFailed, Case, Effort, Result, Work
from api.bench.media import CANVAS, FPS, VIDEO_BPS, make_media
from api.bench.timecode import Loop, make_loop
from mcu.clock import NS_PER_S
from mcu.media.decoder import VideoDecoder
from mcu.media.encoding import VideoEncoder
from mcu.media.pictures import picture_of
from mixer.canvas import Canvas
from mixer.compositor import Compositor
from mixer.layouts import LayoutSpec, Member, arrange
from mixer.scene import TileKey

CASES: Final = ("view", "seen", "person")
SPARE: Final = 1.25
BOTH_WAYS: Final = 2.0
"""What comes back from a viewer, and their signaling, is taken to cost as much as what they are sent."""
TILES: Final = 4
FILM_PICTURES: Final = 40


def view_cores(seconds: int) -> Work:
    """Composes moving people into a canvas and encodes it."""
    film = [picture_of(frame) for frame in film_frames(FILM_PICTURES)]
    members = [Member(TileKey(str(number)), f"Person {number}", live=True) for number in range(TILES)]
    scene = arrange(LayoutSpec(), members, CANVAS, None)

    def work() -> float:
        compositor, canvas = Compositor(), Canvas(CANVAS)
        encoder = VideoEncoder("VP8", CANVAS.width, CANVAS.height, FPS, VIDEO_BPS)
        began_s = process_time()
        for number in range(seconds * FPS):
            shown = {
                tile.key: film[to_and_fro(number + 7 * place, len(film))] for place, tile in enumerate(scene.tiles)
            }
            compositor.draw(scene, shown, canvas)
            encoder.encode(canvas, number * NS_PER_S // FPS)
        return SPARE * (process_time() - began_s) / seconds

    return work


def seen_cores(loop: Loop) -> Work:
    def work() -> float:
        decoder = VideoDecoder("VP8")
        began_s = process_time()
        for frame in loop.frames:
            if decoder.decode(received(frame, 1)) is None:
                raise BenchFailed("a picture could not be decoded")
        return SPARE * (process_time() - began_s) * FPS / len(loop.frames)

    return work


def prepare(_: ExitStack, effort: Effort) -> list[Case]:
    seconds = 1 if effort.quick else 3
    viewer = one_more_viewer(make_media(seconds))
    works: Sequence[Work] = (
        view_cores(seconds),
        seen_cores(make_loop(0, seconds)),
        lambda: SPARE * BOTH_WAYS * viewer() / 1000,
    )
    return [Case(name, "cores", work) for name, work in zip(CASES, works, strict=True)]


def settings_of(results: Sequence[Result]) -> str:
    """The lines of ``mcu.toml``."""
    return "\n".join(["[limits.costs]", *(f"{result.case} = {result.value:.4f}" for result in results)])


BENCH: Final = Bench(
    name="calibrate",
    work="what people cost here, for limits.costs: a view of 1280×720@25, a tile decoded, a viewer's packets",
    cases=CASES,
    baselines=(),
    prepare=prepare,
)

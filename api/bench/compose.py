"""``compose``: tiles into a canvas, with names and the speaker's border, beside how it is commonly done."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from time import process_time
from typing import Any, Final, TypeVar

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from api.bench.clips import START_STEP, cutting, film_frames, to_and_fro
from api.bench.harness import Baseline, Bench, Case, Effort, Work
from mcu.media.pictures import picture_of
from mixer.canvas import Canvas
from mixer.compositor import Compositor
from mixer.geometry import Box, Size
from mixer.image import from_bgr, to_bgr
from mixer.layouts import LayoutSpec, Member, arrange
from mixer.picture import Picture
from mixer.scene import Scene, TileKey

CANVAS: Final = Size(1280, 720)
COUNTS: Final = 4, 9, 16, 25, 49
NAMES: Final = ("Ada Lovelace", "김민준", "Zoé", "Юлия", "Grace", "Linus", "Βασίλης", "Noor", "Olá")
UNIT: Final = "CPU ms a frame"
FILM_PICTURES: Final = 40
"""Of 1.4 MB each: together more than a processor's cache, as the pictures of so many people are."""

COMMON: Final = Baseline("the common way: BGR by PyAV, cv2.resize, paste, back", 0.15)
COMMON_BY_CV2: Final = Baseline("the common way, all of it by OpenCV", 0.15)
FULL_SIZE: Final = Baseline("the same from 720p")

T = TypeVar("T")
Show = Callable[[int], Mapping[TileKey, T]]
"""Everybody's picture at a tick."""


def scene_of(count: int) -> Scene:
    """A grid of ``count`` people with their names, the first of whom speaks."""
    members = [
        Member(TileKey(f"p{number}"), NAMES[number % len(NAMES)], speaking=0.0 if number else 1.0)
        for number in range(count)
    ]
    return arrange(LayoutSpec(max_tiles=count), members, CANVAS, members[0].key.participant)


def playing(scene: Scene, film: Sequence[T]) -> Show[T]:
    """The film from another moment for everybody."""

    def at(tick: int) -> Mapping[TileKey, T]:
        moments = ((tile.key, tick + number * START_STEP) for number, tile in enumerate(scene.tiles))
        return {key: film[to_and_fro(moment, len(film))] for key, moment in moments}

    return at


def shrunk(film: Sequence[Picture], scene: Scene) -> list[Picture]:
    """The film as clients send it who were told the size of their tile."""
    box = scene.tiles[0].box
    return [cutting(picture, number, Size(box.width, box.height)) for number, picture in enumerate(film)]


def by_compositor(scene: Scene, show: Show[Picture], frames: int) -> Work:
    """Draws ``frames`` composites; the processor time of one in milliseconds."""
    compositor, canvas = Compositor(), Canvas(scene.canvas)

    def draw(tick: int) -> None:
        compositor.draw(scene, show(tick), canvas)

    return _timed(draw, frames)


def by_common_way(scene: Scene, show: Show[av.VideoFrame], frames: int) -> Work:
    """As most programs on top of aiortc do it. No names and borders: they would only add to it."""
    image = _blank(scene)

    def draw(tick: int) -> None:
        now = show(tick)
        for tile in scene.tiles:
            _paste(image, now[tile.key].to_ndarray(format="bgr24"), tile.box)
        av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")

    return _timed(draw, frames)


def by_opencv(scene: Scene, show: Show[Picture], frames: int) -> Work:
    """The same with OpenCV's conversions, which are faster."""
    image = _blank(scene)

    def draw(tick: int) -> None:
        now = show(tick)
        for tile in scene.tiles:
            _paste(image, to_bgr(now[tile.key]), tile.box)
        from_bgr(image)

    return _timed(draw, frames)


def _timed(draw: Callable[[int], None], frames: int) -> Work:
    def work() -> float:
        began_s = process_time()
        for tick in range(frames):
            draw(tick)
        return (process_time() - began_s) * 1000 / frames

    return work


def _blank(scene: Scene) -> NDArray[np.uint8]:
    return np.zeros((scene.canvas.height, scene.canvas.width, 3), np.uint8)


def _paste(image: NDArray[np.uint8], picture: NDArray[Any], box: Box) -> None:
    image[box.y : box.bottom, box.x : box.right] = cv2.resize(picture, (box.width, box.height))


def prepare(_: ExitStack, effort: Effort) -> list[Case]:
    film_as_decoded = film_frames(FILM_PICTURES)
    film = [picture_of(frame) for frame in film_as_decoded]
    frames, fewer = (15, 3) if effort.quick else (60, 6)
    cases = []
    for count in COUNTS:
        scene = scene_of(count)
        ours = by_compositor(scene, playing(scene, film), frames)
        common = by_common_way(scene, playing(scene, film_as_decoded), fewer)
        by_cv2 = by_opencv(scene, playing(scene, film), fewer)
        cases.append(Case(f"{count} tiles of 720p", UNIT, ours, {COMMON: common, COMMON_BY_CV2: by_cv2}))
    for count in COUNTS:
        scene = scene_of(count)
        moving = playing(scene, film)
        still = moving(0)
        full_size = by_compositor(scene, moving, frames)
        at_size = by_compositor(scene, playing(scene, shrunk(film, scene)), frames)
        unchanged = by_compositor(scene, _always(still), frames)
        cases.append(Case(f"{count} tiles, uplinks of their size", UNIT, at_size, {FULL_SIZE: full_size}))
        cases.append(Case(f"{count} tiles, nothing moves", UNIT, unchanged, {FULL_SIZE: full_size}))
    return cases


def _always(still: Mapping[TileKey, T]) -> Show[T]:
    return lambda tick: still


BENCH: Final = Bench(
    name="compose",
    work="people into 1280×720, names and a speaker's border drawn, all in I420",
    cases=(
        *(f"{count} tiles of 720p" for count in COUNTS),
        *(f"{count} tiles, {how}" for count in COUNTS for how in ("uplinks of their size", "nothing moves")),
    ),
    baselines=(COMMON, COMMON_BY_CV2, FULL_SIZE),
    prepare=prepare,
)

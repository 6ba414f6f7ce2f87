"""A few scenes with everything on them, for golden pictures. ``python -m tests.mixer.stills`` draws those anew: look at
them before they are committed.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mixer.canvas import Canvas
from mixer.compositor import Compositor
from mixer.decor import BARE, Decor, Logo
from mixer.geometry import Box, Size
from mixer.image import from_bgr, to_bgr
from mixer.layouts import LayoutSpec, Member, arrange
from mixer.picture import Picture
from mixer.scene import Scene, Tile, TileKey
from mixer.transition import Animator

GOLDEN = Path(__file__).parent / "golden"

Still = tuple[Scene, dict[TileKey, Picture], Decor]


def portrait(hue: int, width: int = 640, height: int = 360) -> Picture:
    """Somebody before a wall: a head, shoulders, and light from the left."""
    hsv = np.zeros((height, width, 3), np.uint8)
    hsv[..., 0], hsv[..., 1] = hue, 90
    hsv[..., 2] = np.linspace(210, 110, width).astype(np.uint8)
    image = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    middle, size = width // 2, min(width, height)
    cv2.ellipse(image, (middle, height), (size * 2 // 5, size // 3), 0, 180, 360, (90, 60, 50), -1, cv2.LINE_AA)
    cv2.circle(image, (middle, height // 2 - size // 12), size // 5, (150, 180, 220), -1, cv2.LINE_AA)
    return from_bgr(np.asarray(image, np.uint8))


def slide() -> Picture:
    """A page with lines of "text"."""
    image = np.full((600, 800, 3), 245, np.uint8)
    cv2.rectangle(image, (60, 60), (520, 100), (120, 70, 40), -1)
    for line in range(8):
        cv2.rectangle(image, (60, 150 + line * 50), (700 - line % 3 * 90, 164 + line * 50), (90, 90, 90), -1)
    return from_bgr(image)


def badge() -> Logo:
    image = np.zeros((64, 64, 4), np.uint8)
    cv2.circle(image, (32, 32), 30, (40, 140, 250, 255), -1, cv2.LINE_AA)
    cv2.rectangle(image, (20, 28), (44, 36), (255, 255, 255, 255), -1)
    return Logo(image, "top_right", 0.07)


def meeting() -> Still:
    """Five people in a grid: a speaker, a closed microphone, a raised hand, a closed camera, a lost connection."""
    names = "Ana Souza", "김민수", "Дмитрий", "محمد علي", "Bea O'Neil"
    members = [Member(TileKey(f"p{number}"), name) for number, name in enumerate(names)]
    members[0] = replace(members[0], speaking=1.0)
    members[1] = replace(members[1], muted=True)
    members[3] = replace(members[3], live=False)
    members[4] = replace(members[4], reconnecting=True)
    scene = arrange(LayoutSpec(), members, Size(640, 360), None)
    tiles = list(scene.tiles)
    tiles[2] = replace(tiles[2], hand=True)
    pictures = {member.key: portrait(number * 33) for number, member in enumerate(members)}
    return replace(scene, tiles=tuple(tiles)), pictures, BARE


def presentation() -> Still:
    """A slide beside two people over a background picture, with logo, banner and countdown."""
    stage = Tile(TileKey("ana", "screen"), Box(20, 60, 420, 280), fit="contain", label="Ana's screen")
    tall = Tile(TileKey("bea"), Box(460, 60, 160, 136), align=(0.5, 0.3), label="Bea")
    face = Tile(TileKey("chi"), Box(460, 204, 160, 136), name="Chi", label="Chi", live=False, muted=True)
    scene = Scene(Size(640, 360), (stage, tall, face), banner="Retrospective", countdown="4:59")
    sky = cv2.resize(np.array([[[90, 40, 20]], [[200, 120, 60]]], np.uint8), (320, 180), interpolation=cv2.INTER_LINEAR)
    decor = Decor(from_bgr(np.asarray(sky, np.uint8)), badge(), {"chi": portrait(150, 200, 200)})
    return scene, {stage.key: slide(), tall.key: portrait(20, 360, 640)}, decor


def movement() -> Still:
    """Half way from a grid of three to a speaker with two below, while one leaves and one joins."""
    animator = Animator(200)
    people = {name: Member(TileKey(name), name.title()) for name in ("ana", "bea", "chi", "dov")}
    canvas = Size(640, 360)
    grid = arrange(LayoutSpec(), [people["ana"], people["bea"], people["chi"]], canvas, None)
    speaker = arrange(LayoutSpec("speaker"), [people["ana"], people["bea"], people["dov"]], canvas, "bea")
    animator.step(grid, 0)
    animator.step(speaker, 0)
    pictures = {member.key: portrait(number * 40) for number, member in enumerate(people.values())}
    return animator.step(speaker, 110_000_000), pictures, BARE


def thumbnail() -> Still:
    """The smallest tier: nine people and all marks at 320×180."""
    members = [
        Member(TileKey(f"p{number}"), f"Person {number}", muted=number % 3 == 1, speaking=float(number == 4))
        for number in range(9)
    ]
    scene = arrange(LayoutSpec(gap=4), members, Size(320, 180), None)
    tiles = tuple(replace(tile, hand=number == 2, live=number != 6) for number, tile in enumerate(scene.tiles))
    pictures = {member.key: portrait(number * 19) for number, member in enumerate(members)}
    return replace(scene, tiles=tiles, banner="Back in five minutes"), pictures, BARE


def overlap() -> Still:
    """A picture in a picture with round corners, and a faint one that lies over both."""
    whole = Tile(TileKey("ana"), Box(0, 0, 640, 360), label="Ana")
    small = Tile(TileKey("bea"), Box(420, 220, 200, 120), z=1, label="Bea", border=0.6)
    faint = Tile(TileKey("chi"), Box(300, 120, 200, 160), z=2, opacity=0.5, label="Chi")
    scene = Scene(Size(640, 360), (whole, small, faint))
    return scene, {tile.key: portrait(number * 50) for number, tile in enumerate(scene.tiles)}, BARE


STILLS: dict[str, Callable[[], Still]] = {
    still.__name__: still for still in (meeting, presentation, movement, thumbnail, overlap)
}


def drawn(still: Still, compositor: Compositor) -> NDArray[np.uint8]:
    """The still as uint8 BGR."""
    scene, pictures, decor = still
    canvas = Canvas(scene.canvas)
    compositor.draw(scene, pictures, canvas, decor)
    return to_bgr(canvas.picture)


if __name__ == "__main__":
    for name, still in STILLS.items():
        cv2.imwrite(str(GOLDEN / f"{name}.png"), drawn(still(), Compositor()), [cv2.IMWRITE_PNG_COMPRESSION, 9])

"""A layout plug-in: whoever speaks sits in the middle, the others in a circle around, and they move up now and then.

Install it beside the server (``pip install samples/layout_plugin``) and choose it::

    curl -X PATCH localhost:8080/api/v1/rooms/demo/views/main/layout \\
        -H 'Content-Type: application/json' -d '{"preset": "plugin:circle"}'

The function is called for every picture, so it only computes: no files, no network, no waiting. It changes its boxes
seldom; how people glide from one to the next is the layout's ``transition``.
"""

from collections.abc import Iterator
from math import cos, pi, sin

from mcu.room.plugins import Box, LayoutContext, Place, Size

MOVE_UP_NS = 10 * 10**9
MIDDLE = 0.4
"""Of the canvas's sides."""


def layout(context: LayoutContext) -> Iterator[Place]:
    people = list(context.members)
    if not people:
        return
    star = next((one for one in people if one.key.participant == context.speaker), people[0])
    others = [one for one in people if one is not star]
    canvas = context.canvas
    part = MIDDLE if others else 1.0
    yield Place(star.key, box(canvas, 0.5, 0.5, part), z=1)
    size = min(0.25, 1.5 / max(1, len(others)))
    moved = context.time_ns // MOVE_UP_NS
    for number, one in enumerate(others):
        angle = 2 * pi * (number + moved) / len(others)
        reach = (1 - size) / 2
        yield Place(one.key, box(canvas, 0.5 + reach * cos(angle), 0.5 + reach * sin(angle), size))


def box(canvas: Size, x: float, y: float, size: float) -> Box:
    """A box around a point, all in parts of the canvas: on even pixels, and never beyond the edge."""
    width, height = even(canvas.width * size), even(canvas.height * size)
    left = min(max(0, even(canvas.width * x - width / 2)), canvas.width - width)
    top = min(max(0, even(canvas.height * y - height / 2)), canvas.height - height)
    return Box(left, top, width, height)


def even(pixels: float) -> int:
    return max(2, int(pixels // 2) * 2)

"""Layouts without anybody in them: made-up people, and a scene as SVG and as plain data."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

from mixer.colour import mixed, personal
from mixer.layouts.member import Member
from mixer.scene import Scene, Tile, TileKey

NAMES = (
    "Ada Lovelace",
    "김민준",
    "Zoë Müller",
    "Юлия Орлова",
    "Ngũgĩ wa Thiong’o",
    "佐藤 花子",
    "Αλέξης Παππάς",
    "Łukasz Żak",
    "ليلى حداد",
    "José Peña",
    "王秀英",
    "Siobhán Ní Bhriain",
    "Nguyễn Thị Hoa",
    "Ivana Kovač",
    "דניאל לוי",
    "Aïcha Benali",
)
"""Names as they are in the world: several scripts, both directions, with and without a space."""

WALL = 0x22262E
LETTERS = 0.42
"""Of the disc's diameter."""


def made_up(count: int, screens: int = 0, *, ids: Sequence[str] = (), selectors: Sequence[str] = ()) -> list[Member]:
    """``count`` people in join order, the first ``screens`` of them sharing a screen too.

    The first take ``ids``, so that pins and reserved places show. The ``selectors`` of a layout are given out in turn,
    so that each finds somebody, and every turn leaves one person whom none fits.
    """
    members: list[Member] = []
    for number in range(count):
        name = NAMES[number % len(NAMES)] + (f" {number // len(NAMES) + 1}" if number >= len(NAMES) else "")
        member = Member(TileKey(ids[number] if number < len(ids) else f"person-{number + 1}"), name, live=False)
        turn = number % (len(selectors) + 1)
        if turn < len(selectors):
            fitting = _fitting(member, selectors[turn])
            member = member if any(fitting.key == other.key for other in members) else fitting
        members.append(member)
        if number < screens:
            members.append(replace(member, key=TileKey(member.key.participant, "screen")))
    return members


def scene_json(scene: Scene) -> dict[str, Any]:
    """The boxes of a scene in pixels, in drawing order, with the words of the tile map."""
    return {
        "canvas": {"width": scene.canvas.width, "height": scene.canvas.height},
        "tiles": [
            {
                "participant": tile.key.participant,
                "source": tile.key.source,
                "name": tile.name,
                "box": {"x": tile.box.x, "y": tile.box.y, "width": tile.box.width, "height": tile.box.height},
                "z": tile.z,
                "fit": tile.fit,
            }
            for tile in scene.tiles
        ],
    }


def scene_svg(scene: Scene) -> str:
    """The scene as an SVG 1.1 document, people as initials on their colour. Whatever names hold is escaped."""
    width, height = scene.canvas.width, scene.canvas.height
    sides = f'width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {sides} font-family="sans-serif">',
        f'<rect {sides} fill="{_hex(scene.background)}"/>',
        *(part for number, tile in enumerate(scene.tiles) for part in _tile_svg(tile, number)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _tile_svg(tile: Tile, number: int) -> list[str]:
    box, colour = tile.box, personal(tile.key.participant)
    place = f'x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"'
    short = min(box.width, box.height)
    size = max(6, min(22, box.height // 14))
    parts = [
        f'<g clip-path="url(#tile-{number})">',
        f'<clipPath id="tile-{number}"><rect {place} rx="{short // 30}"/></clipPath>',
        f'<rect {place} fill="{_hex(mixed(WALL, colour, 0.16))}"/>',
    ]
    middle_x, middle_y = box.x + box.width / 2, box.y + box.height / 2
    if tile.key.source == "screen":
        wide, high = box.width * 0.5, box.height * 0.5
        parts.append(
            f'<rect x="{middle_x - wide / 2:g}" y="{middle_y - high / 2:g}" width="{wide:g}" height="{high:g}" '
            f'rx="{short // 30}" fill="none" stroke="{_hex(colour)}" stroke-width="{max(2, short // 60)}"/>'
        )
    else:
        radius = short * 0.23
        parts.append(f'<circle cx="{middle_x:g}" cy="{middle_y:g}" r="{radius:g}" fill="{_hex(colour)}"/>')
        parts.append(
            f'<text x="{middle_x:g}" y="{middle_y:g}" font-size="{radius * 2 * LETTERS:g}" fill="#fff" '
            f'text-anchor="middle" dominant-baseline="central">{_text(tile.name[:1])}</text>'
        )
    if tile.label:
        parts.append(
            f'<text x="{box.x + size * 0.7:g}" y="{box.bottom - size * 0.7:g}" font-size="{size}" fill="#fff">'
            f"{_text(tile.label)}</text>"
        )
    parts.append("</g>")
    return parts


def _fitting(member: Member, selector: str) -> Member:
    """``member`` with what ``selector`` asks for: its glob, with letters where it says any."""
    kind, _, pattern = selector.partition(":")
    plain = pattern.replace("*", "").replace("?", "a")
    if kind == "role":
        return replace(member, role=plain)
    if kind == "name":
        return replace(member, name=plain or member.name)
    if kind == "id":
        return replace(member, key=TileKey(plain or member.key.participant))
    if kind == "attr":
        key, _, value = plain.partition("=")
        return replace(member, attributes={key: value})
    return member


def _text(text: str) -> str:
    """Escaped, without what XML 1.0 can't hold."""
    return escape("".join(letter for letter in text if letter.isprintable()))


def _hex(colour: int) -> str:
    return f"#{colour:06x}"

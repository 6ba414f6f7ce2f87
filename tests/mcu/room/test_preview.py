"""A layout drawn with made-up people: what a dry run answers."""

from xml.etree import ElementTree

import pytest

from mcu.protocol.layout import Layout
from mcu.room.preview import dry_run, scene_json, scene_png, scene_svg
from mixer.geometry import Size
from mixer.scene import TileKey

CANVAS = Size(640, 360)
SVG = "{http://www.w3.org/2000/svg}"

INTERVIEW = Layout.model_validate(
    {
        "variants": [
            {
                "regions": [
                    {
                        "id": "guests",
                        "box": [0, 0, "1/2", 1],
                        "grid": {"columns": 1, "rows": 2},
                        "pick": {"match": "role:guest"},
                    },
                    {"id": "host", "box": ["1/2", 0, "1/2", 1], "pick": {"reserve": ["anna"], "first": []}},
                ]
            }
        ]
    }
)


def test_it_has_as_many_people_as_asked_for_and_their_screens() -> None:
    scene = dry_run(Layout(on_screen_share=None), CANVAS, 7, screens=2)
    assert len(scene.tiles) == 9
    assert sum(tile.key.source == "screen" for tile in scene.tiles) == 2
    assert len({tile.name for tile in scene.tiles}) == 7


def test_reserved_places_and_selectors_find_somebody() -> None:
    tiles = {tile.box.x: tile for tile in dry_run(INTERVIEW, CANVAS, 5).tiles}
    assert tiles[320].key == TileKey("anna")
    assert len(dry_run(INTERVIEW, CANVAS, 5).tiles) == 3


def test_a_pinned_person_is_there() -> None:
    scene = dry_run(Layout(preset="spotlight", pinned="ada"), CANVAS, 3)
    assert [tile.key.participant for tile in scene.tiles] == ["ada"]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_the_svg_shows_every_name(count: int) -> None:
    scene = dry_run(Layout(), CANVAS, count)
    document = ElementTree.fromstring(scene_svg(scene))
    words = [text.text for text in document.iter(f"{SVG}text")]
    assert document.get("viewBox") == "0 0 640 360"
    assert [tile.name for tile in scene.tiles if tile.name not in words] == []


def test_a_name_cannot_break_out_of_the_svg() -> None:
    layout = INTERVIEW.model_dump()
    layout["variants"][0]["regions"][0]["pick"]["match"] = 'name:</text><script>"&'
    text = scene_svg(dry_run(Layout.model_validate(layout), CANVAS, 4))
    assert "<script" not in text
    assert any("<script>" in (node.text or "") for node in ElementTree.fromstring(text).iter(f"{SVG}text"))


def test_the_json_says_where_everybody_is() -> None:
    answer = scene_json(dry_run(Layout(gap=0), CANVAS, 1))
    (tile,) = answer["tiles"]
    assert answer["canvas"] == {"width": 640, "height": 360}
    assert tile["box"] == {"x": 0, "y": 0, "width": 640, "height": 360}
    assert (tile["source"], tile["z"], tile["fit"]) == ("camera", 0, "cover")


def test_the_png_is_of_the_size_of_the_canvas() -> None:
    data = scene_png(dry_run(Layout(preset="pip"), CANVAS, 4, screens=1))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (640, 360)

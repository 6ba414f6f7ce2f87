"""What a layout would look like with so many people, without a room. Pure; any thread, drawing takes milliseconds."""

from mcu.protocol.layout import Layout
from mcu.protocol.regions import selectors
from mcu.room.layout_spec import layout_spec
from mixer.canvas import Canvas
from mixer.compositor import Compositor
from mixer.geometry import Size
from mixer.image import encode_image
from mixer.layouts.arrange import arrange
from mixer.layouts.preview import made_up, scene_json, scene_svg
from mixer.scene import Scene

__all__ = ["dry_run", "scene_json", "scene_png", "scene_svg"]


def dry_run(layout: Layout, canvas: Size, participants: int, screens: int = 0) -> Scene:
    """``layout`` with ``participants`` made-up people, ``screens`` of whom share a screen. Whoever is pinned or has a
    reserved place is among them, and so are people whom the selectors of the layout fit.

    Raises:
        ValueError: the canvas has odd sides, or is too small for so many.
    """
    wanted = [layout.pinned] if layout.pinned else []
    for variant in layout.variants or ():
        wanted += [one for region in variant.regions for one in region.pick.reserve]
    members = made_up(
        participants, screens, ids=list(dict.fromkeys(wanted)), selectors=selectors(layout.variants or ())
    )
    return arrange(layout_spec(layout), members, canvas, members[0].key.participant if members else None)


def scene_png(scene: Scene) -> bytes:
    """The scene as the compositor draws it, with everybody's avatar, as a PNG file."""
    canvas = Canvas(scene.canvas)
    Compositor().draw(scene, {}, canvas)
    return encode_image(canvas.picture, "png")

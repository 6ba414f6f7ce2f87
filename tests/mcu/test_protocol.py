"""The data at the border: light to import, bounded, and clean before anybody looks at it."""

import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from mcu.protocol.commands import (
    Command,
    Join,
    Offer,
    SetAvatar,
    SetBackgroundImage,
    SetLogo,
    Snapshot,
    UpdateView,
)
from mcu.protocol.decor import MAX_IMAGE_BYTES, LogoPlace
from mcu.protocol.layout import Layout
from mcu.protocol.models import RoomSpec, ViewChanges, ViewSpec

HEAVY = ("numpy", "cv2", "av", "aiortc", "aioice", "fastapi")


def test_importing_the_protocol_loads_no_media_library() -> None:
    program = (
        "import sys, mcu.protocol.commands, mcu.protocol.events, mcu.protocol.wire, mcu.engine.engine\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_command_survives_the_way_through_json() -> None:
    adapter: TypeAdapter[Command] = TypeAdapter(Command)
    offer = Offer(participant="p1", connection="screen", sdp="v=0\r\n")
    assert adapter.validate_json(adapter.dump_json(offer)) == offer


def test_images_survive_the_way_through_json_and_are_bounded_on_it() -> None:
    adapter: TypeAdapter[Command] = TypeAdapter(Command)
    file = bytes(range(256)) * 4
    commands = (
        SetBackgroundImage(view="wide", image=file),
        SetLogo(image=file, place=LogoPlace(corner="bottom_left", width=0.5)),
        SetAvatar(participant="ada", image=file),
        SetAvatar(participant="ada", image=None),
    )
    for command in commands:
        assert adapter.validate_json(adapter.dump_json(command)) == command
    shot = Snapshot(content_type="image/png", data=file)
    assert Snapshot.model_validate_json(shot.model_dump_json()) == shot
    with pytest.raises(ValidationError):
        SetAvatar(participant="ada", image=bytes(MAX_IMAGE_BYTES + 1))
    for width in (0.0, 1.01, float("nan")):
        with pytest.raises(ValidationError):
            LogoPlace(width=width)


def test_changes_of_a_view_name_the_same_parts_after_the_way_through_json() -> None:
    adapter: TypeAdapter[Command] = TypeAdapter(Command)
    spec = ViewSpec(name="wide", fps=30, background="#102030")
    for changes, background in ((ViewChanges(fps=15), "#102030"), (ViewChanges(fps=15, background=None), None)):
        back = adapter.validate_json(adapter.dump_json(UpdateView(view="wide", changes=changes)))
        assert isinstance(back, UpdateView)
        changed = back.changes.applied_to(spec)
        assert (changed.fps, changed.background, changed.width) == (15, background, spec.width)


@pytest.mark.parametrize("name", ["", "   ", "\u202e\u2066", "\x00\x07", "x" * 65])
def test_a_name_without_anything_to_show_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Join(name=name)


def test_names_lose_what_could_deceive_and_keep_every_script() -> None:
    assert Join(name=" 민준\u202e ").name == "민준"
    assert Join(name="e\u0301va").name == "éva"


@pytest.mark.parametrize("identity", ["../x", "a b", "", "x" * 65, "naïve"])
def test_an_identity_is_safe_in_a_path(identity: str) -> None:
    with pytest.raises(ValidationError):
        Join(name="x", identity=identity)


def test_an_oversized_sdp_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ValidationError):
        Offer(participant="p", sdp="v" * 65_537)


@pytest.mark.parametrize(
    ("field", "value"), [("gap", -1), ("max_tiles", 0), ("preset", "mosaic"), ("background", "red"), ("colour", "x")]
)
def test_a_layout_that_makes_no_sense_names_its_field(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Layout.model_validate({field: value})
    assert caught.value.errors()[0]["loc"] == (field,)


def test_a_canvas_has_even_sides() -> None:
    with pytest.raises(ValidationError):
        RoomSpec.model_validate({"name": "r", "view": {"width": 641}})


def test_a_plugin_is_a_preset_until_another_preset_or_regions_take_its_place() -> None:
    layout = Layout.model_validate({"preset": "plugin:circle"})
    assert (layout.plugin, layout.own_preset, layout.preset) == ("circle", "grid", "plugin:circle")
    assert Layout.model_validate_json(layout.model_dump_json()) == layout
    custom = {"preset": "plugin:circle", "variants": [{"regions": [{"id": "all", "box": ["0", "0", "1", "1"]}]}]}
    assert Layout.model_validate(custom).plugin is None
    assert Layout.model_validate({"preset": "bestFit"}).own_preset == "grid"


def test_the_sounds_bitrate_is_the_profiles_unless_it_is_said() -> None:
    assert ViewSpec().audio_bps == 32_000
    assert ViewSpec(audio_profile="music").audio_bps == 96_000
    assert ViewSpec(audio_profile="music", audio_kbps=48).audio_bps == 48_000

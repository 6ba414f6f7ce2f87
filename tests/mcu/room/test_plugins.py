"""Layout plug-ins: found, called, and thrown out when they are no good."""

import importlib
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import FrozenInstanceError, replace
from importlib.metadata import EntryPoint, EntryPoints
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.errors import Unprocessable
from mcu.protocol.commands import MergeLayout, SetLayout
from mcu.protocol.events import LayoutPluginEjected
from mcu.protocol.layout import Layout, LayoutState
from mcu.room import plugins
from mcu.room.plugin_run import JUDGED_FROM, PluginRun
from mcu.room.plugins import Box, LayoutContext, LayoutFunction, Place, Size, TileKey, load_plugin
from mixer.layouts.arrange import LayoutSpec, Member
from mixer.scene import Scene
from tests.kit.clock import FakeClock
from tests.mcu.room.meeting import ask, enter, next_event, open_room, running_engine, until

SAMPLE = Path(__file__).parents[3] / "samples" / "layout_plugin"
CANVAS = Size(640, 360)
ADA, BOB = Member(TileKey("ada"), "Ada"), Member(TileKey("bob"), "Bob")
SHARED = Member(TileKey("ada", "screen"), "Ada")
WHOLE = Box(0, 0, 640, 360)
TICK_NS = 40 * NS_PER_MS


class Stage:
    """A plug-in's run, and what became of it."""

    def __init__(self, function: LayoutFunction, spec: LayoutSpec | None = None) -> None:
        self.clock = FakeClock()
        self.ejected: list[str] = []
        self.calls = 0
        self._function = function
        self._spec = spec or LayoutSpec()
        self._run = PluginRun("it", self._counted, self.clock, self.ejected.append)

    def _counted(self, context: LayoutContext) -> Iterable[Place]:
        self.calls += 1
        return self._function(context)

    def boxes(self, *members: Member) -> dict[str, Box] | None:
        scene = self.scene(7 * NS_PER_S, *members)
        return None if scene is None else {tile.key.participant: tile.box for tile in scene.tiles}

    def scene(self, time_ns: int, *members: Member, canvas: Size = CANVAS) -> Scene | None:
        return self._run.scene(self._spec, members or (ADA, BOB), canvas, "bob", time_ns)


def beside(context: LayoutContext) -> list[Place]:
    width = context.canvas.width // max(1, len(context.members)) // 2 * 2
    return [Place(one.key, Box(n * width, 0, width, 360)) for n, one in enumerate(context.members)]


def test_a_plugin_places_people_with_names_labels_and_order() -> None:
    def stacked(context: LayoutContext) -> Iterator[Place]:
        yield Place(BOB.key, Box(0, 0, 64, 36), z=2, fit="contain")
        yield Place(ADA.key, WHOLE)

    scene = PluginRun("it", stacked, FakeClock(), pytest.fail).scene(
        LayoutSpec(background=0x102030), (ADA, BOB), CANVAS, None, 0, layout_seq=5
    )
    assert scene is not None
    assert [(tile.key, tile.label, tile.fit) for tile in scene.tiles] == [
        (ADA.key, "Ada", "cover"),
        (BOB.key, "Bob", "contain"),
    ]
    assert (scene.background, scene.layout_seq) == (0x102030, 5)


def test_a_plugin_is_told_who_speaks_who_is_pinned_and_the_time_and_can_change_nothing() -> None:
    told: list[LayoutContext] = []

    def listen(context: LayoutContext) -> list[Place]:
        told.append(context)
        return []

    assert Stage(listen, LayoutSpec(pinned="ada", gap=4)).boxes() == {}
    assert told == [LayoutContext(CANVAS, (ADA, BOB), 7 * NS_PER_S, "bob", "ada", 4)]
    with pytest.raises(FrozenInstanceError):
        told[0].speaker = "ada"  # type: ignore[misc]  # that it is frozen is the point


def raises(_: LayoutContext) -> list[Place]:
    raise KeyError("secret")


def exits(_: LayoutContext) -> list[Place]:
    sys.exit("no")


def forever(_: LayoutContext) -> Iterator[Place]:
    while True:
        yield Place(ADA.key, WHOLE)


BAD: list[tuple[Callable[[LayoutContext], Any], str]] = [
    (raises, "raised KeyError"),
    (exits, "raised SystemExit"),
    (forever, "placed somebody twice"),
    (lambda _: None, "raised TypeError"),
    (lambda _: ["ada"], "something else than places"),
    (lambda _: [Place(TileKey("eve"), WHOLE)], "not here"),
    (lambda _: [Place(TileKey("ada", "screen"), WHOLE)], "not here"),
    (lambda _: [Place(ADA.key, WHOLE), Place(ADA.key, WHOLE)], "twice"),
    (lambda _: [Place(ADA.key, Box(0, 0, 642, 360))], "beyond"),
    (lambda _: [Place(ADA.key, Box(-2, 0, 64, 36))], "beyond"),
    (lambda _: [Place(ADA.key, Box(1, 0, 64, 36))], "not even"),
    (lambda _: [Place(ADA.key, Box(0, 0, 0, 36))], "empty"),
    (lambda _: [Place(ADA.key, Box(0, 0, 64.0, 36))], "whole pixels"),  # type: ignore[arg-type]  # as plug-ins may
    (lambda _: [Place(ADA.key, WHOLE, z=10**6)], "z is"),
    (lambda _: [Place(ADA.key, WHOLE, fit="crop")], "fit is"),  # type: ignore[arg-type]  # as plug-ins may
]


@pytest.mark.parametrize(("function", "reason"), BAD)
def test_a_plugin_that_is_no_good_is_thrown_out_once_and_for_all(function: LayoutFunction, reason: str) -> None:
    stage = Stage(function)
    assert stage.boxes() is None
    assert stage.boxes() is None
    assert stage.calls == 1
    (said,) = stage.ejected
    assert reason in said
    assert "secret" not in said


def taking(*durations_ms: float) -> Stage:
    """A plug-in whose calls take so long, one after the other."""
    left = iter(durations_ms)

    def slow(context: LayoutContext) -> list[Place]:
        stage.clock.advance(ms=next(left))
        return beside(context)

    stage = Stage(slow)
    return stage


def test_two_slow_calls_are_forgiven_and_the_third_is_not() -> None:
    stage = taking(21, 1, 21, 1, 21)
    assert [stage.boxes() is not None for _ in range(5)] == [True, True, True, True, False]
    assert stage.ejected == ["took more than 20 ms 3 times"]


def test_slow_calls_long_ago_are_forgotten() -> None:
    stage = taking(*([21, 21] + [1] * 60 + [21, 21]))
    assert all(stage.boxes() is not None for _ in range(64))
    assert stage.ejected == []


def test_a_plugin_that_takes_too_long_as_a_rule_is_thrown_out() -> None:
    stage = taking(*[6] * JUDGED_FROM)
    assert [stage.boxes() is not None for _ in range(JUDGED_FROM)] == [True] * (JUDGED_FROM - 1) + [False]
    assert stage.ejected == ["takes more than 5 ms as a rule"]


def wander(context: LayoutContext) -> list[Place]:
    """Two pixels further at every tick of 40 ms; it rests after three seconds."""
    step = min(75, context.time_ns // TICK_NS) * 2
    return [Place(one.key, Box(step, n * 100, 64, 36)) for n, one in enumerate(context.members)]


def test_a_plugin_that_moves_people_at_every_tick_is_shown_five_times_a_second() -> None:
    stage = Stage(wander)
    lefts = []
    for tick in range(25 * 4):
        scene = stage.scene(tick * TICK_NS, ADA, replace(BOB, muted=tick % 2 == 1))
        assert scene is not None
        assert [tile.muted for tile in scene.tiles] == [False, tick % 2 == 1], "what is not its business is of now"
        lefts.append(scene.tiles[0].box.x)
    changes = [tick for tick, (one, other) in enumerate(pairwise(lefts), 1) if one != other]
    assert len(changes) == 15
    assert min(later - earlier for earlier, later in pairwise(changes)) == 5
    assert lefts[-1] == 150, "the last word counts"
    assert stage.ejected == []


def test_who_comes_or_goes_and_another_canvas_do_not_wait() -> None:
    stage = Stage(wander)
    for tick, members in enumerate(((ADA,), (ADA, BOB), (BOB,), (BOB, ADA))):
        scene = stage.scene(tick * TICK_NS, *members)
        assert scene is not None
        assert {(one.key, one.box.x) for one in scene.tiles} == {(member.key, 2 * tick) for member in members}
    scene = stage.scene(4 * TICK_NS, BOB, ADA, canvas=Size(320, 360))
    assert scene is not None
    assert {one.box.x for one in scene.tiles} == {8}


def test_a_screen_share_is_the_layouts_business_unless_it_leaves_that_to_the_plugin() -> None:
    assert Stage(beside).boxes(ADA, SHARED) is None
    left = Stage(beside, LayoutSpec(on_screen_share=None))
    assert left.boxes(ADA, SHARED) is not None


# Finding them


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes these the installed plug-ins: name=function, or name="module:attribute"."""

    def install(**found: Any) -> None:
        shelf = ModuleType("shelf_of_the_tests")
        monkeypatch.setitem(sys.modules, shelf.__name__, shelf)
        points = []
        for name, what in found.items():
            setattr(shelf, name, what)
            where = what if isinstance(what, str) else f"{shelf.__name__}:{name}"
            points.append(EntryPoint(name, where, plugins.GROUP))
        monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints(points).select(group=group))

    return install


def test_a_plugin_is_loaded_by_its_name(install: Callable[..., None]) -> None:
    install(beside=beside, broken="no_such_module:layout", number=3)
    assert load_plugin("beside") is beside
    for name, reason in (
        ("other", "beside, broken, number"),
        ("broken", "ModuleNotFoundError"),
        ("number", "function"),
    ):
        with pytest.raises(Unprocessable, match=reason) as caught:
            load_plugin(name)
        assert caught.value.field == "preset"


def test_the_sample_works_with_any_number_of_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SAMPLE))
    function = importlib.import_module("circle").layout
    for canvas in (Size(1280, 720), Size(720, 1280), Size(320, 180)):
        for count in (0, 1, 2, 3, 5, 16, 49):
            members = [Member(TileKey(f"p{n}")) for n in range(count)]
            run = PluginRun("circle", function, FakeClock(), pytest.fail)
            for seconds in range(0, 120, 7):
                scene = run.scene(LayoutSpec(), members, canvas, "p1", seconds * NS_PER_S)
                assert scene is not None
                assert {tile.key for tile in scene.tiles} == {member.key for member in members}


def test_the_sample_is_found_once_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((SAMPLE / "pyproject.toml").read_text())["project"]
    (points,) = project["entry-points"].items()
    described = tmp_path / "mosaic_mcu_circle-0.1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
    lines = [f"[{points[0]}]", *(f"{name} = {where}" for name, where in points[1].items())]
    (described / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(SAMPLE))
    assert load_plugin("circle") is importlib.import_module("circle").layout


# In a room


async def test_a_room_draws_with_a_plugin_and_tells_when_it_is_thrown_out(
    tmp_path: Path, install: Callable[..., None]
) -> None:
    broken = False

    def corner(context: LayoutContext) -> list[Place]:
        if broken:
            raise ValueError("it")
        return [Place(one.key, Box(0, 0, 32, 18)) for one in context.members]

    install(corner=corner)
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        events = room.events()

        def width() -> int:
            return room.views.main.composite.tile_map.tiles[0].box.width

        await until(lambda: room.views.main.composite.tile_map.tiles)
        state = await ask(room, MergeLayout(patch={"preset": "plugin:corner"}), LayoutState)
        assert state.layout.preset == "plugin:corner"
        await until(lambda: width() == 32)
        broken = True
        ejected = await next_event(events, "layout_plugin_ejected")
        assert ejected == LayoutPluginEjected(view="main", name="corner", reason="raised ValueError")
        await until(lambda: width() > 32)
        broken = False
        await ask(room, SetLayout(layout=state.layout), LayoutState)
        await until(lambda: width() == 32)
        with pytest.raises(Unprocessable, match="corner"):
            await room.call(SetLayout(layout=Layout(preset="plugin:other")))
        await ask(room, MergeLayout(patch={"preset": "spotlight"}), LayoutState)
        await until(lambda: width() > 32)
        await ada.close()

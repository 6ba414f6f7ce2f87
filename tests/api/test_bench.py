"""``mcu bench``: what it promises to people and programs. How fast anything is, no test asserts."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.bench import (
    clips,
    compose,
    core,
    fan_out,
    machine,
    media,
    mosaic,
    ours,
    programs,
    receive,
    registry,
    send,
    stock,
)
from api.bench.harness import Baseline, Bench, BenchFailed, Case, Effort, Missing, NotHere, Result, Work, measure
from api.bench.quality import judge, lumas_of, lumas_of_file
from api.cli import app
from mcu.media.decoder import VideoDecoder
from mcu.media.pictures import picture_of
from mixer.geometry import Size
from mixer.layouts import LayoutSpec, Member, arrange
from mixer.picture import Picture
from mixer.scene import TileKey

OTHERS = Baseline("what others do", 0.5)
PICTURE = Baseline("their picture", 1.0, at_least=True)
ABSENT = Baseline("who is not here", 0.9)
ROW = {"case", "value", "unit", "baseline", "ratio", "target", "met", "spread"}
FEW = 36


def bench_of(name: str, *cases: Case) -> Bench:
    return Bench(
        name, "next to nothing", tuple(case.name for case in cases), (OTHERS, PICTURE, ABSENT), lambda *_: cases
    )


def constant(value: float) -> Work:
    return lambda: value


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Runs ``mcu bench`` with benches of a test's own."""

    def invoke(benches: Sequence[Bench], *arguments: str) -> tuple[int, str, str]:
        known = {bench.name: bench for bench in benches}
        monkeypatch.setattr(registry, "NAMES", tuple(known))
        monkeypatch.setattr(registry, "load", known.__getitem__)
        result = CliRunner().invoke(app, ["bench", *arguments], env={"COLUMNS": "200"})
        return result.exit_code, result.stdout, result.stderr

    return invoke


def test_json_is_one_object_of_the_promised_shape(run: Callable[..., tuple[int, str, str]]) -> None:
    cases = [
        Case("work", "ms", constant(3.0), {OTHERS: constant(4.0), ABSENT: Missing("it is not installed")}),
        Case("quality", "dB", constant(36.0), {PICTURE: constant(35.0)}),
        Case("by the way", "ms", constant(1.0)),
    ]
    status, said, _ = run([bench_of("small", *cases)], "small", "--json")
    assert status == 0
    report = json.loads(said)
    assert set(report) == {"name", "machine", "versions", "results"}
    assert report["name"] == "small"
    assert {"cpu", "cores", "kernel", "load_1min", "load_1min_after"} <= set(report["machine"])
    assert {"python", "av", "numpy", "cv2", "ffmpeg", "gst-launch-1.0"} <= set(report["versions"])
    assert all(set(row) == ROW for row in report["results"])
    slow, absent, better, alone = report["results"]
    assert slow == {
        **{"case": "work", "value": 3.0, "unit": "ms", "baseline": "what others do"},
        **{"ratio": 0.75, "target": 0.5, "met": False, "spread": 0.0},
    }
    assert absent["baseline"] == "who is not here (it is not installed)"
    assert (absent["ratio"], absent["met"], absent["value"]) == (None, None, 3.0)
    assert better["met"] is True
    assert (alone["baseline"], alone["ratio"], alone["target"], alone["met"]) == (None, None, None, None)


def test_the_table_says_what_was_missed_and_what_was_missing(run: Callable[..., tuple[int, str, str]]) -> None:
    case = Case("work", "ms", constant(3.0), {OTHERS: constant(4.0), ABSENT: Missing("it is not installed")})
    status, said, _ = run([bench_of("small", case)], "small")
    assert status == 0
    assert "it is not installed" in said
    (missed,) = [line for line in said.splitlines() if "what others do" in line]
    assert [cell.strip() for cell in missed.split("│")[4:]][1:4] == ["0.75", "≤ 0.5", "no"]


def test_a_page_is_brought_up_to_date_and_its_words_stay(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Benchmarks\n\n<!-- bench small -->\nold\n<!-- end of bench -->\n\nWhy: \\1.\n\n"
        "<!-- bench other -->\nkept\n<!-- end of bench -->\n"
    )
    work = Case("work | rest", "ms", constant(12_345.6), {OTHERS: constant(40_000.0), ABSENT: Missing("not here")})
    for _ in range(2):
        status, _, _ = run([bench_of("small", work), bench_of("new", work)], "all", "--markdown", str(page))
        assert status == 0
    text = page.read_text()
    assert "| work \\| rest | 12,346 ms | what others do | 0.309 | ≤ 0.5 | yes |  |" in text
    assert "|  | 12,346 ms | who is not here (not here) |  | ≤ 0.9 |  |  |" in text
    assert "Why: \\1." in text
    assert "kept" in text
    assert "old" not in text
    assert text.index("bench small") < text.index("Why") < text.index("bench other") < text.index("### new")
    assert [text.count(part) for part in ("bench small", "### new", "bench machine", "aiortc")] == [1, 1, 1, 1]
    assert "load_1min" not in text


def test_a_page_in_no_folder_is_refused_before_anything_runs(run: Callable[..., tuple[int, str, str]]) -> None:
    def never() -> float:
        raise AssertionError

    status, _, aside = run([bench_of("small", Case("work", "ms", never))], "small", "--markdown", "/nowhere/page.md")
    assert status == 2
    assert "/nowhere" in aside


def test_one_case_alone_may_be_measured(run: Callable[..., tuple[int, str, str]]) -> None:
    def unwanted() -> float:
        raise BenchFailed("nobody asked for this")

    benches = [bench_of("small", Case("16 people", "ms", unwanted), Case("100 people, all of it", "ms", constant(1.0)))]
    status, said, _ = run(benches, "small", "--json", "--case", "100 people")
    assert status == 0
    assert [row["case"] for row in json.loads(said)["results"]] == ["100 people, all of it"]
    status, _, aside = run(benches, "small", "--case", "250 people")
    assert (status, "250 people" in aside) == (2, True)


def test_a_bench_that_fails_ends_with_1_and_the_others_run(run: Callable[..., tuple[int, str, str]]) -> None:
    def broken() -> float:
        raise BenchFailed("the camera is gone")

    benches = [bench_of("broken", Case("work", "ms", broken)), bench_of("sound", Case("work", "ms", constant(1.0)))]
    status, said, aside = run(benches, "all", "--json")
    assert status == 1
    assert "the camera is gone" in aside
    assert [json.loads(line)["name"] for line in said.splitlines()] == ["sound"]


def test_what_is_not_installed_is_left_out_and_said(run: Callable[..., tuple[int, str, str]]) -> None:
    def prepare(_: ExitStack, __: Effort) -> list[Case]:
        raise NotHere("chromium is not installed")

    absent = Bench("absent", "", (), (), prepare)
    status, said, aside = run([absent, bench_of("sound", Case("work", "ms", constant(1.0)))], "all", "--json")
    assert status == 0
    assert "absent is left out: chromium is not installed" in aside
    assert [json.loads(line)["name"] for line in said.splitlines()] == ["sound"]


def test_an_unknown_bench_is_named_as_such(run: Callable[..., tuple[int, str, str]]) -> None:
    status, _, aside = run([bench_of("small")], "nosuch")
    assert status == 2
    assert "small" in aside


def test_list_names_every_bench_with_its_targets_and_runs_none() -> None:
    result = CliRunner().invoke(app, ["bench", "--list"], env={"COLUMNS": "250"})
    assert result.exit_code == 0, result.output
    for name in registry.NAMES:
        bench = registry.load(name)
        assert bench.name == name
        assert name in result.stdout
        assert all(baseline.name in result.stdout for baseline in bench.baselines)
    assert "≤ 1.12 ×" in result.stdout


def test_a_ratio_is_taken_within_a_round() -> None:
    weather = iter([1.0, 1.0, 9.0, 2.0])  # the warm-up first; then a machine that is slow, fast, in between

    class Machine:
        pace = 0.0
        calls = 0

        def ours(self) -> float:
            return 2 * self.now()

        def theirs(self) -> float:
            return 4 * self.now()

        def now(self) -> float:
            self.calls += 1
            if self.calls % 2:
                self.pace = next(weather)
            return self.pace

    one = Machine()
    (row,) = measure(Case("work", "ms", one.ours, {OTHERS: one.theirs}), rounds=3)
    assert (row.value, row.ratio, row.met) == (4.0, 0.5, True)
    assert row.spread == (18.0 - 2.0) / 4.0


def test_nobody_always_goes_first_and_the_warm_up_is_forgotten() -> None:
    order: list[str] = []

    def named(name: str, *costs: float) -> Work:
        left = iter(costs)

        def work() -> float:
            order.append(name)
            return next(left)

        return work

    case = Case("work", "ms", named("ours", 100.0, 1.0, 1.0), {OTHERS: named("theirs", 100.0, 2.0, 2.0)})
    (row,) = measure(case, rounds=2)
    assert order == ["ours", "theirs", "ours", "theirs", "theirs", "ours"]
    assert (row.value, row.ratio) == (1.0, 0.5)


def test_a_quick_bench_stops_when_its_time_is_up_but_never_empty_handed() -> None:
    calls: list[int] = []

    def work() -> float:
        calls.append(1)
        return 1.0

    (row,) = measure(Case("work", "ms", work, warm=False), rounds=5, until_s=0.0)
    assert (row.value, len(calls)) == (1.0, 1)


def test_what_a_bench_prepared_is_undone_when_it_fails(run: Callable[..., tuple[int, str, str]]) -> None:
    undone: list[str] = []

    def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
        stack.callback(undone.append, "quick" if effort.quick else "slow")
        return [Case("work", "ms", constant(1.0), {OTHERS: constant(0.0)})]

    status, _, aside = run([Bench("odd", "", ("work",), (OTHERS,), prepare)], "odd", "--quick")
    assert (status, undone) == (1, ["quick"])
    assert "cost nothing" in aside


@pytest.mark.parametrize(("missing", "codec"), [(mosaic.ffmpeg_missing, "VP8"), (mosaic.gstreamer_missing, "H264")])
def test_a_program_that_is_not_installed_is_reported(
    missing: Callable[[str], str | None], codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "installed", lambda program: False)
    assert "is not installed" in (missing(codec) or "")
    monkeypatch.setattr(machine, "installed", lambda program: False)
    assert machine.versions()["ffmpeg"] == "not installed"


def test_a_program_that_fails_is_a_failed_bench() -> None:
    with pytest.raises(BenchFailed, match="ls ended with"):
        programs.cpu_s("ls", "/nosuch/place")


@pytest.mark.parametrize(
    "bench", [compose.BENCH, send.BENCH, receive.BENCH, fan_out.BENCH], ids=lambda bench: bench.name
)
def test_cases_are_those_that_were_announced(bench: Bench) -> None:
    with ExitStack() as stack:
        cases = bench.prepare(stack, Effort(quick=True))
    assert tuple(case.name for case in cases) == bench.cases
    assert all(set(case.baselines) <= set(bench.baselines) for case in cases)


@pytest.fixture(scope="module")
def little() -> media.Media:
    """A third of a second: a keyframe, some pictures, some sound."""
    whole = media.make_media(1)
    return media.Media(whole.frames[:8], whole.sounds[:16])


def test_fan_outs_and_stock_senders_both_send(little: media.Media) -> None:
    for work in (send.by_fanouts, send.by_aiortc):
        assert work(little, ("video", "audio"))() > 0


def test_one_more_viewer_and_one_more_encoder_are_both_measured(little: media.Media) -> None:
    assert fan_out.one_more_viewer(little)() > 0
    assert fan_out.one_more_encoder(clips.film_frames(3), 4)() > 0


@pytest.mark.parametrize("kind", receive.KINDS)
def test_ours_and_stock_receivers_both_receive(little: media.Media, kind: stock.Kind) -> None:
    for work in (receive.by_receiver, receive.by_aiortc):
        assert work(little, kind)() > 0


def test_stock_senders_send_all_they_are_given(little: media.Media) -> None:
    async def sent() -> list[int]:
        near, far = await stock.connected()
        near.wire.deliver = len
        track = stock.Playback("video")
        sender = await stock.start_sender(track, near.dtls)
        counts = []
        for part in (little.frames[:1], little.frames[1:]):
            await stock.play(stock.packets_of(media.Media(part, []), "video"), [track])
            counts.append(await stock.packets_sent([sender]))
        await sender.stop()
        await near.dtls.stop()
        await far.dtls.stop()
        return counts

    first, whole = asyncio.run(sent())
    assert first >= len(little.frames[0].data) / 1400
    assert whole >= first + len(little.frames) - 1


def test_a_receiver_that_loses_pictures_is_not_measured(little: media.Media, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "sent_by_us", lambda *_: [])
    with pytest.raises(BenchFailed, match="0 of 8 arrived"):
        receive.by_receiver(little, "video")()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> "SmallMosaic":
    return SmallMosaic(tmp_path_factory.mktemp("clips"))


class SmallMosaic:
    """Two small cameras on a small canvas, and what it should show in the end."""

    canvas = Size(320, 160)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clips = clips.record(folder, 2, Size(160, 90), FEW, 400_000, cut_at=ours.WARM_PICTURES)
        members = [Member(TileKey(name), name) for name in ("a", "b")]
        spec = LayoutSpec(gap=0, labels=False, highlight_speaker=False, background=0x306040)
        self.scene = arrange(spec, members, self.canvas, None)
        last: dict[TileKey, Picture] = {}
        for tile, clip in zip(self.scene.tiles, self.clips, strict=True):
            decoder = VideoDecoder("VP8")
            for frame in clip.frames:
                shown = decoder.decode(frame)
                assert shown is not None
                last[tile.key] = picture_of(shown)
        self.wanted = [(FEW - 1, core.ideal(self.scene, last))]


def test_ours_shows_every_clip_in_its_tile(small: SmallMosaic) -> None:
    run = ours.mix(small.clips, small.scene, "VP8", 1_000_000)
    assert len(run.encoded) == FEW
    assert judge(lumas_of(run.encoded), small.wanted).psnr_db > 28
    assert run.spent.total > 0


def test_ffmpeg_shows_the_same(small: SmallMosaic) -> None:
    if mosaic.ffmpeg_missing("VP8"):
        pytest.skip("no ffmpeg here")
    made = mosaic.Mosaic(small.canvas, [tile.box for tile in small.scene.tiles], 0x306040, "VP8", 1_000_000)
    output = small.folder / "out.mkv"
    arguments = mosaic.ffmpeg_arguments(made, [clip.path for clip in small.clips], output, FEW)
    assert programs.cpu_s(mosaic.FFMPEG, *arguments) > 0
    assert judge(lumas_of_file(output), small.wanted).psnr_db > 28


def test_gstreamer_shows_the_same(small: SmallMosaic) -> None:
    if mosaic.gstreamer_missing("VP8"):
        pytest.skip("no GStreamer here")
    made = mosaic.Mosaic(small.canvas, [tile.box for tile in small.scene.tiles], 0x000000, "VP8", 1_000_000)
    output = small.folder / "out.mkv"
    assert programs.cpu_s(
        mosaic.GSTREAMER, *mosaic.gstreamer_arguments(made, [clip.path for clip in small.clips], output)
    )
    shown = list(lumas_of_file(output))
    assert len(shown) >= FEW - 1
    first = small.scene.tiles[0].box
    assert all(luma[first.y : first.bottom, first.x : first.right].std() > 10 for luma in shown[-5:])


def test_core_runs_as_announced_on_small_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "NAMES", ("Ada", "Zoé"))
    monkeypatch.setattr(core, "CAMERA", Size(160, 90))
    monkeypatch.setattr(core, "CANVAS", SmallMosaic.canvas)
    monkeypatch.setattr(programs, "installed", lambda program: False)
    with ExitStack() as stack:
        cases = core.prepare(stack, Effort(quick=True))
        assert tuple(case.name for case in cases) == core.BENCH.cases
        rows = [row for case in cases[: len(cases) // 2] for row in measure(case, rounds=1)]
    values = {row.case: row.value for row in rows}
    parts = [values[f"H264, {part}"] for part in core.PARTS]
    assert all(part > 0 for part in parts)
    assert sum(parts) <= values["H264"] * 1.1
    assert values["H264, PSNR"] > 28
    assert {row.baseline for row in rows if row.ratio is not None} == {core.FLOOR.name, core.PLAIN_FLOOR.name}
    assert sum("is not installed" in (row.baseline or "") for row in rows) == 5


def test_a_codec_that_loses_pictures_is_not_judged(small: SmallMosaic) -> None:
    with pytest.raises(BenchFailed, match="only 0 of 1"):
        judge([], small.wanted)


def test_a_result_says_nothing_it_was_not_told() -> None:
    assert Result("work", 1.0, "ms").met is None

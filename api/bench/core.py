"""``core``: nine cameras in, one composite out. What decoding and encoding take is the floor; what lies above is ours.

The first second of each clip is run and not counted. For other programs, whose start falls into it, it is a run of its
own that is taken from the longer one.
"""

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import cv2

from api.bench import mosaic, ours, programs
from api.bench.clips import FPS, record
from api.bench.harness import Baseline, Bench, BenchFailed, Case, Effort, Missing, Work
from api.bench.mosaic import Mosaic
from api.bench.ours import WARM_PICTURES
from api.bench.quality import Quality, judge, lumas_of, lumas_of_file
from mcu.frames import VideoCodec
from mcu.media.decoder import VideoDecoder
from mcu.media.pictures import picture_of
from mixer.canvas import Canvas
from mixer.colour import yuv
from mixer.compositor import Compositor
from mixer.geometry import Size
from mixer.layouts import LayoutSpec, Member, arrange
from mixer.picture import Picture, Plane
from mixer.scaling import view
from mixer.scene import Scene, TileKey

CANVAS: Final = Size(1280, 720)
CAMERA: Final = Size(640, 360)
BITRATE_BPS: Final = 1_500_000
CAMERA_BITRATE_BPS: Final = 600_000
CODECS: Final[tuple[VideoCodec, ...]] = ("H264", "VP8")
NAMES: Final = ("Ada", "Minjun", "Zoé", "Юлия", "Grace", "Linus", "Βασίλης", "Noor", "Olá")
JUDGE_EVERY: Final = 6
UNIT: Final = "CPU ms/s"

FLOOR: Final = Baseline("bare decode and encode", 1.12)
FFMPEG: Final = Baseline("ffmpeg xstack", 0.85)
GSTREAMER: Final = Baseline("GStreamer compositor", 0.6)
PLAIN_FLOOR: Final = Baseline("bare decode and encode, nothing drawn")
FFMPEG_PICTURE: Final = Baseline("picture of ffmpeg xstack", 1.0, at_least=True)
FFMPEG_SIZE: Final = Baseline("size of ffmpeg xstack")
PARTS: Final = ("decode", "compose", "encode")
QUALITIES: Final = (
    ("psnr_db", "PSNR", "dB", FFMPEG_PICTURE),
    ("ssim", "SSIM", "of 1", FFMPEG_PICTURE),
    ("bitrate_bps", "bitrate", "bit/s", FFMPEG_SIZE),
)


class Material:
    """The clips, and what they give when composed: by our compositor in ``canvases``, by the book in ``wanted``, the
    luma of some of them with their indexes.
    """

    def __init__(self, folder: Path, seconds: int) -> None:
        self.folder = folder
        self.pictures = WARM_PICTURES + seconds * FPS
        self.clips = record(folder, len(NAMES), CAMERA, self.pictures, CAMERA_BITRATE_BPS, cut_at=WARM_PICTURES)
        plain = LayoutSpec(gap=0, labels=False, highlight_speaker=False)
        self.scene = arrange(plain, _members(speaking=0.0), CANVAS, None)
        self.full_scene = arrange(LayoutSpec(), _members(speaking=1.0), CANVAS, None)
        self.canvases: list[Canvas] = []
        self.wanted: list[tuple[int, Plane]] = []
        self._compose()

    def mosaic(self, codec: VideoCodec) -> Mosaic:
        boxes = [tile.box for tile in self.scene.tiles]
        return Mosaic(CANVAS, boxes, self.scene.background, codec, BITRATE_BPS)

    def _compose(self) -> None:
        decoders = [VideoDecoder("VP8") for _ in self.clips]
        compositor = Compositor()
        for number in range(self.pictures):
            pictures: dict[TileKey, Picture] = {}
            for tile, decoder, clip in zip(self.scene.tiles, decoders, self.clips, strict=True):
                shown = decoder.decode(clip.frames[number])
                if shown is None:
                    raise BenchFailed("a clip has a picture that shows nothing")
                pictures[tile.key] = picture_of(shown)
            self.canvases.append(Canvas(CANVAS))
            compositor.draw(self.scene, pictures, self.canvases[-1])
            if number >= WARM_PICTURES and number % JUDGE_EVERY == 0:
                self.wanted.append((number, ideal(self.scene, pictures)))


def _members(speaking: float) -> list[Member]:
    """Nine people with their cameras on, the first of whom speaks."""
    return [
        Member(TileKey(f"p{number}"), name, speaking=0.0 if number else speaking) for number, name in enumerate(NAMES)
    ]


def ideal(scene: Scene, pictures: dict[TileKey, Picture]) -> Plane:
    """The luma of a composite, each sample the mean of those it stands for, which none of those compared computes."""
    canvas = Canvas(scene.canvas)
    canvas.fill(yuv(scene.background))
    for tile in scene.tiles:
        target = view(canvas.picture.y, tile.box)
        side = tile.box.width, tile.box.height
        cv2.resize(pictures[tile.key].y, side, dst=target, interpolation=cv2.INTER_AREA)
    return canvas.picture.y


class Contest:
    """One codec's work, by everybody who can do it, and what came of it."""

    def __init__(self, codec: VideoCodec, material: Material) -> None:
        self._codec: VideoCodec = codec
        self._material = material
        self._runs: list[ours.Run] = []
        self._qualities: dict[str, Quality] = {}

    def cases(self) -> list[Case]:
        codec = self._codec
        ffmpeg_missing, gstreamer_missing = mosaic.ffmpeg_missing(codec), mosaic.gstreamer_missing(codec)
        against: dict[Baseline, Work | Missing] = {
            FLOOR: self._floor,
            FFMPEG: Missing(ffmpeg_missing) if ffmpeg_missing else self._ffmpeg,
            GSTREAMER: Missing(gstreamer_missing) if gstreamer_missing else self._gstreamer,
        }
        cases = [Case(codec, UNIT, self._ours, against, warm=False)]
        cases += [Case(f"{codec}, {part}", UNIT, self._part(part), warm=False, once=True) for part in PARTS]
        cases.append(Case(f"{codec}, all drawn", UNIT, self._ours_all_drawn, {PLAIN_FLOOR: self._floor}, warm=False))
        for measure, name, unit, beside in QUALITIES:
            theirs = Missing(ffmpeg_missing) if ffmpeg_missing else self._quality("ffmpeg", measure)
            ours_now = self._quality("ours", measure)
            cases.append(Case(f"{codec}, {name}", unit, ours_now, {beside: theirs}, warm=False, once=True))
        return cases

    def _ours(self) -> float:
        run = ours.mix(self._material.clips, self._material.scene, self._codec, BITRATE_BPS)
        self._runs.append(run)
        return run.spent.total

    def _ours_all_drawn(self) -> float:
        return ours.mix(self._material.clips, self._material.full_scene, self._codec, BITRATE_BPS).spent.total

    def _part(self, part: str) -> Work:
        return lambda: statistics.median(getattr(run.spent, part) for run in self._runs)

    def _floor(self) -> float:
        return ours.bare_codecs(self._material.clips, self._material.canvases, self._codec, BITRATE_BPS)

    def _ffmpeg(self) -> float:
        made, paths = self._material.mosaic(self._codec), [clip.path for clip in self._material.clips]
        spent_s = [
            programs.cpu_s(mosaic.FFMPEG, *mosaic.ffmpeg_arguments(made, paths, self._path("ffmpeg"), pictures))
            for pictures in (WARM_PICTURES, self._material.pictures)
        ]
        return self._beyond_start(spent_s)

    def _gstreamer(self) -> float:
        made, output = self._material.mosaic(self._codec), self._path("gstreamer")
        spent_s = [
            programs.cpu_s(mosaic.GSTREAMER, *mosaic.gstreamer_arguments(made, paths, output))
            for paths in ([clip.start for clip in self._material.clips], [clip.path for clip in self._material.clips])
        ]
        return self._beyond_start(spent_s)

    def _beyond_start(self, spent_s: list[float]) -> float:
        start_s, whole_s = spent_s
        return ours.per_second_ms(whole_s - start_s, self._material.pictures - WARM_PICTURES)

    def _quality(self, who: str, measure: str) -> Work:
        def judged() -> float:
            if who not in self._qualities:
                shown = lumas_of_file(self._path(who)) if who == "ffmpeg" else lumas_of(self._runs[-1].encoded)
                self._qualities[who] = judge(shown, self._material.wanted)
            if measure == "bitrate_bps":
                return self._bitrate_bps(who)
            return float(getattr(self._qualities[who], measure))

        return judged

    def _bitrate_bps(self, who: str) -> float:
        if who == "ffmpeg":
            octets = self._path(who).stat().st_size
        else:
            octets = sum(len(frame.data) for frame in self._runs[-1].encoded)
        return octets * 8 * FPS / self._material.pictures

    def _path(self, who: str) -> Path:
        return self._material.folder / f"{who}-{self._codec}.mkv"


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    threads = cv2.getNumThreads()
    stack.callback(cv2.setNumThreads, threads)
    cv2.setNumThreads(1)  # as the server does; none of the others here uses OpenCV
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mcu-bench-")))
    material = Material(folder, seconds=1 if effort.quick else 4)
    return [case for codec in CODECS for case in Contest(codec, material).cases()]


BENCH: Final = Bench(
    name="core",
    work="nine 640×360@30 VP8 decoded, composed to 1280×720@30, encoded once at 1.5 Mbit/s",
    cases=tuple(
        f"{codec}{detail}"
        for codec in CODECS
        for detail in (
            "",
            *(f", {part}" for part in PARTS),
            ", all drawn",
            *(f", {name}" for _, name, _, _ in QUALITIES),
        )
    ),
    baselines=(FLOOR, FFMPEG, GSTREAMER, PLAIN_FLOOR, FFMPEG_PICTURE, FFMPEG_SIZE),
    prepare=prepare,
)

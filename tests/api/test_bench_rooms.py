"""What the benches of whole rooms read off: codes in pictures, delays, gaps and voices that are known beforehand."""

import os
import secrets
import struct
import subprocess
import sys
import threading
import tomllib
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from api.bench import calibrate, company, crowd, priority, processes, soak, stage
from api.bench.audience import Onlooker, Viewer
from api.bench.extras import Extra
from api.bench.harness import BenchFailed, Result
from api.bench.light import AUDIO_TYPE, VIDEO_TYPE, LightPeer
from api.bench.timecode import CAMERA, FPS, Code, make_loop, read_code, write_code
from api.settings import CostSettings, Limits
from mcu.clock import NS_PER_MS, NS_PER_S, SystemClock
from mcu.frames import AudioPacket, EncodedFrame, ReceivedFrame
from mcu.media.decoder import VideoDecoder
from mcu.media.encoding import VideoEncoder
from mcu.media.opus import OpusEncoder
from mcu.media.pictures import picture_of
from mcu.protocol.wire import EventMessage
from mcu.thread_name import show_thread_name
from mixer.canvas import Canvas
from mixer.geometry import Box, Size
from mixer.picture import Picture


def received(frame: EncodedFrame, arrived_ns: int) -> ReceivedFrame:
    return ReceivedFrame("VP8", frame.data, frame.keyframe, frame.time_ns * 9 // 100_000, 1, arrived_ns)


def test_every_picture_of_a_loop_says_its_number_after_the_codec() -> None:
    loop, decoder = make_loop(5, 1), VideoDecoder("VP8")
    assert [frame.keyframe for frame in loop.frames] == [True] + [False] * (FPS - 1)
    for number, frame in enumerate(loop.frames):
        shown = decoder.decode(received(frame, 0))
        assert shown is not None
        assert read_code(picture_of(shown).y, Box(0, 0, CAMERA.width, CAMERA.height)) == Code(5, number)


@pytest.mark.parametrize("luma", [0, 128, 255])
def test_a_picture_without_a_code_says_nothing(luma: int) -> None:
    blank = np.full((180, 320), luma, np.uint8)
    assert read_code(blank, Box(0, 0, 320, 180)) is None
    assert read_code(blank, Box(310, 170, 320, 180)) is None


def watched_two_tiles(late_ms: int) -> tuple[Viewer, dict[str, stage.Sent]]:
    """Ten composites of two cameras that are ``late_ms`` old, the second one by a picture more."""
    canvas, viewer = Canvas(Size(640, 180)), Viewer()
    encoder = VideoEncoder("VP8", 640, 180, FPS, 800_000)
    sent = {"a": stage.Sent(1), "b": stage.Sent(2)}
    tiles = [
        {"participant": who, "box": {"x": x, "y": 0, "width": 320, "height": 180}} for who, x in (("a", 0), ("b", 320))
    ]
    viewer.on_event(EventMessage(type="tiles", data={"tiles": tiles}))
    for number in range(12):
        now_ns = number * NS_PER_S // FPS
        for who in sent:
            sent[who].left(number, now_ns)
        for x, camera, shown in ((0, 1, number), (320, 2, max(0, number - 1))):
            part = Canvas(CAMERA)
            part.picture.y[:] = 90
            write_code(part, Code(camera, shown))
            canvas.picture.y[:, x : x + 320] = part.picture.y
        frame = encoder.encode(canvas, now_ns)
        assert frame is not None
        viewer.frames.append(received(frame, now_ns + late_ms * NS_PER_MS))
        if number == 1:
            viewer.reset()
    return viewer, sent


def test_pictures_are_as_old_as_they_are_in_each_tile() -> None:
    viewer, sent = watched_two_tiles(late_ms=25)
    assert viewer.pictures == 10
    assert sorted({round(delay) for delay in viewer.delays_ms(sent)}) == [25, 65]


def test_who_gets_a_lower_tier_is_read_like_the_others() -> None:
    viewer, sent = watched_two_tiles(late_ms=25)
    viewer.canvas = Size(1280, 360)
    viewer.boxes = {who: Box(2 * box.x, 0, 2 * box.width, 2 * box.height) for who, box in viewer.boxes.items()}
    assert sorted({round(delay) for delay in viewer.delays_ms(sent)}) == [25, 65]


def test_a_tile_of_somebody_else_is_a_failed_bench() -> None:
    viewer, sent = watched_two_tiles(late_ms=25)
    sent["b"].camera = 3
    with pytest.raises(BenchFailed, match=r"tiles that show somebody else: \['b'\]"):
        viewer.delays_ms(sent)


def test_a_picture_that_is_sent_again_counts_from_its_last_time() -> None:
    sent = stage.Sent(0)
    sent.left(7, 0)
    sent.left(7, NS_PER_S)
    assert sent.age_ms(7, NS_PER_S + 30 * NS_PER_MS) == 30
    assert sent.age_ms(7, NS_PER_S - 1) == pytest.approx(1000)
    assert sent.age_ms(7, 4 * NS_PER_S) is None
    assert sent.age_ms(8, 0) is None


def heard(*voices: int, skip: range = range(0)) -> Viewer:
    opus, viewer = OpusEncoder(64_000), Viewer()
    at = np.arange(100 * 960) / 48_000
    pcm = sum(4000 * np.sin(2 * np.pi * stage.tone_hz(voice) * at) for voice in voices)
    for number, chunk in enumerate(np.asarray(pcm, np.int16).reshape(-1, 960)):
        if number not in skip:
            viewer.sounds.append(AudioPacket(opus.encode(chunk), number, number * 960, 1, number * 20 * NS_PER_MS))
    return viewer


def test_voices_that_are_there_are_heard_and_others_not() -> None:
    low, middle, high = heard(0, 2).levels(3)
    assert min(low, high) > 0.08
    assert middle < min(low, high) / crowd.LOUDER


def test_the_longest_gap_is_between_packets() -> None:
    assert heard(0).longest_gap_ns == 20 * NS_PER_MS
    assert heard(0, skip=range(40, 43)).longest_gap_ns == 80 * NS_PER_MS
    assert Viewer().longest_gap_ns == 0
    with pytest.raises(BenchFailed, match="no sound"):
        Viewer().levels(3)


async def test_an_onlooker_counts_what_a_close_viewer_keeps() -> None:
    close, onlooker, light = heard(0, skip=range(40, 43)), Onlooker(), LightPeer(SystemClock())
    onlooker.watch(light)
    for sound in close.sounds:
        light.on_audio(sound)
    assert onlooker.longest_gap_ns == close.longest_gap_ns
    onlooker.reset()
    light.on_audio(close.sounds[-1])
    light.on_video(received(make_loop(0, 1).frames[0], 0))
    assert (onlooker.longest_gap_ns, onlooker.pictures) == (0, 1)


def test_what_came_before_the_measuring_is_forgotten_with_each_keyframe() -> None:
    viewer, frames = Viewer(), make_loop(0, 1).frames
    for frame in (*frames, *frames):
        viewer._frame(received(frame, 0))
    assert len(viewer.frames) == len(frames)
    viewer.reset()
    for frame in (*frames, *frames):
        viewer._frame(received(frame, 0))
    assert (len(viewer.frames), viewer.pictures) == (3 * len(frames), 2 * len(frames))


def test_threads_of_a_process_are_told_by_their_names() -> None:
    done, ready = threading.Event(), threading.Event()

    def run() -> None:
        show_thread_name()
        ready.set()
        done.wait(20)

    thread = threading.Thread(target=run, name="sound-of-a-large-room")
    thread.start()
    try:
        assert ready.wait(20)
        found = [*processes.threads(os.getpid())]
        assert [crowd.role_in(one) for one in found if one.name == "sound-of-a-larg"] == ["sound"]
        (main,) = [one for one in found if one.main]
        assert crowd.role_in(main) == "loop"
        assert main.cpu_s > 0
    finally:
        done.set()
        thread.join()
    with pytest.raises(BenchFailed, match="can't be measured"):
        [*processes.threads(2**22 + 1)]


def packet(kind: int, number: int, *, marker: bool = False) -> bytes:
    return struct.pack("!BBHLL", 0x80, kind | marker << 7, number, 0, 99) + b"secret"


async def test_an_extra_counts_frames_and_what_was_left_out() -> None:
    extra = Extra()
    for number in (65_534, 65_535, 0, 3, 2, 4):
        extra._datagram(packet(VIDEO_TYPE, number, marker=number in (65_535, 4)))
    extra._datagram(packet(AUDIO_TYPE, 1))
    assert (extra.arrived.pictures, extra.arrived.lost, extra.arrived.sounds) == (2, 2, 1)
    extra.reset()
    assert extra.arrived.longest_gap_ns == extra.arrived.pictures == 0


def test_growth_is_a_line_through_what_is_read_after_the_beginning() -> None:
    times_s = [float(at) for at in range(101)]
    rising = soak.Soaked(times_s, [500.0 if at < 20 else 100 + at / 60 for at in times_s])
    assert rising.growth == pytest.approx(1.0)
    assert rising.added == pytest.approx(75 / 60)
    assert soak.Soaked(times_s, [100.0] * 101).growth == pytest.approx(0.0)
    assert soak.Soaked([1.0], [100.0]).growth == 0.0


def test_costs_are_printed_as_settings_that_can_be_read() -> None:
    rows = [Result(name, value, "cores") for name, value in zip(calibrate.CASES, (0.25, 0.007, 0.003), strict=True)]
    found = tomllib.loads(calibrate.settings_of(rows))
    assert Limits.model_validate(found["limits"]).costs == CostSettings(view=0.25, seen=0.007, person=0.003)


def test_a_process_is_measured_from_the_outside() -> None:
    began_s = processes.cpu_s(os.getpid())
    while processes.cpu_s(os.getpid()) == began_s:
        sum(range(10_000))
    assert processes.family(os.getpid())[0] == os.getpid()
    assert 10 < processes.resident_mib(os.getpid()) < 100_000
    with pytest.raises(BenchFailed, match="can't be measured"):
        processes.cpu_s(2**22 + 1)
    assert processes.cpu_s(2**22 + 1, 0.5) == 0.5


def test_a_process_is_found_by_what_it_was_started_with() -> None:
    mark = secrets.token_hex(8)
    with pytest.raises(BenchFailed, match=mark):
        processes.named(mark)
    with subprocess.Popen([sys.executable, "-c", "input()", mark], stdin=subprocess.PIPE) as child:
        assert processes.named(mark) == child.pid


def test_a_camera_in_a_file_plays_on_without_a_cut(tmp_path: Path) -> None:
    film = [
        Picture(*(np.full((720 // part, 1280 // part), luma, np.uint8) for part in (1, 2, 2))) for luma in (1, 2, 3)
    ]
    company.write_y4m(tmp_path / "camera.y4m", film)
    header, _, rest = (tmp_path / "camera.y4m").read_bytes().partition(b"\n")
    assert header.startswith(b"YUV4MPEG2 W640 H360 F25:1 ")
    step = len(b"FRAME\n") + 640 * 360 * 3 // 2
    assert [rest[at + 6] for at in range(0, len(rest), step)] == [1, 2, 3, 2]
    assert len(rest) == 4 * step


def test_a_bench_goes_first_until_it_has_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nice = {"now": 3}
    session = tmp_path / "autogroup"
    session.write_text("/autogroup-7 nice 2\n")
    monkeypatch.setattr(priority, "SESSION", session)
    monkeypatch.setattr(os, "getpriority", lambda *_: nice["now"])
    monkeypatch.setattr(os, "setpriority", lambda _, __, value: nice.update(now=value))
    with ExitStack() as stack:
        assert priority.raised(stack)
        assert (nice["now"], session.read_text()) == (priority.NICENESS, str(priority.NICENESS))
    assert (nice["now"], session.read_text()) == (3, "2")

    monkeypatch.setattr(priority, "SESSION", tmp_path / "nowhere" / "autogroup")
    with ExitStack() as stack:
        assert priority.raised(stack)

    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    with ExitStack() as stack:
        assert not priority.raised(stack)

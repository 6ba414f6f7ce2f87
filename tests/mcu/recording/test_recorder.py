import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import EncodedFrame
from mcu.protocol.models import RecordingInfo
from mcu.recording.manifest import manifest_path, read_manifest, recordings_in
from mcu.recording.muxing import Mp4Writer
from mcu.recording.recorder import BACKLOG, Recorder
from tests.kit.broadcast import BEEP_HZ, SOUND_TICK_NS, broadcast_frames, broadcast_sound
from tests.kit.eventually import eventually
from tests.kit.moving import FPS, SMALL, encoded, encoded_ticks
from tests.kit.recordings import RecordingProbe, beeps, flashes, picture_at, probe

ROOT = Path(__file__).parents[3]
ALIGNMENT_S = 0.040


def new_recorder(path: Path, info: RecordingInfo | None = None) -> Recorder:
    return Recorder(path, width=SMALL.width, height=SMALL.height, fps=FPS, info=info)


def info_for(path: Path) -> RecordingInfo:
    return RecordingInfo(
        id="r1", room="studio", view="main", state="starting", file=path.name,
        started_at=datetime(2026, 1, 2, tzinfo=UTC), duration_s=0, size_bytes=0,
    )  # fmt: skip


def always(_: int) -> bool:
    return True


def feed(
    recorder: Recorder,
    seconds: float,
    start_ns: int = 0,
    has_sound: Callable[[int], bool] = always,
    has_picture: Callable[[int], bool] = always,
) -> None:
    """A broadcast from room time ``start_ns`` on; the callables say for which times (ns) there is sound or picture."""
    for frame in broadcast_frames(round(seconds * FPS), start_ns):
        if has_picture(frame.time_ns):
            recorder.write(frame)
        for time_ns in (frame.time_ns, frame.time_ns + SOUND_TICK_NS):
            if has_sound(time_ns):
                recorder.write_sound(broadcast_sound(time_ns), time_ns)
        eventually(lambda: recorder.statistics.waiting < 100)


def together(recording: RecordingProbe, path: Path, seconds: list[float]) -> None:
    """Flash and beep meet, at each of these times."""
    lights, sounds = flashes(path), beeps(recording)
    assert len(lights) == len(sounds) == len(seconds)
    for light, sound, wanted in zip(lights, sounds, seconds, strict=True):
        assert abs(light - sound) <= ALIGNMENT_S
        assert abs(light - wanted) <= ALIGNMENT_S


def test_a_recording_plays_whole_and_in_sync(tmp_path: Path) -> None:
    path = tmp_path / "studio" / "show.mp4"
    recorder = new_recorder(path)
    recorder.start()
    feed(recorder, 6.0, start_ns=1_000_040_000_000)  # 40 ms into a flash
    result = recorder.close()
    assert (result.error, recorder.state) == (None, "finished")
    assert result.frames == 150
    assert result.size_bytes == path.stat().st_size > 10_000
    assert abs(result.duration_s - 6) < 0.05
    recording = probe(path)
    assert abs(recording.duration_s - 6) < 0.05
    assert (recording.video_codec, recording.audio_codec) == ("h264", "aac")
    assert (recording.width, recording.height, recording.frames) == (SMALL.width, SMALL.height, 150)
    assert recording.pictures_in_order
    assert recording.picture_times_s[0] == pytest.approx(0, abs=0.001)
    assert recording.picture_times_s[-1] == pytest.approx(5.96, abs=0.001)
    assert recording.sound_whole
    assert abs(recording.sound_duration_s - 6) < 0.05
    together(recording, path, [0, *(0.96 + second for second in range(6))])
    spectrum = np.abs(np.fft.rfft(recording.sound_between(1.96, 2.06)))
    assert abs(np.argmax(spectrum) / 0.1 - BEEP_HZ) < 15
    assert float(picture_at(path, 2.0).y.mean()) > 190


def test_recording_starts_with_the_first_keyframe(tmp_path: Path) -> None:
    path = tmp_path / "late.mp4"
    recorder = new_recorder(path)
    recorder.start()
    feed(recorder, 4.0, has_picture=lambda time_ns: time_ns > NS_PER_S + NS_PER_S // 2)  # next keyframe: 2 s
    result = recorder.close()
    assert result.error is None
    recording = probe(path)
    assert recording.frames == 50
    assert abs(recording.duration_s - 2) < 0.05
    assert recorder.statistics.dropped == 12
    together(recording, path, [0.0, 1.0])


def test_sound_that_is_earlier_than_its_picture_is_kept(tmp_path: Path) -> None:
    """An encoder takes longer than a mix: sound of the first picture's time arrives before that picture does."""
    path = tmp_path / "early.mp4"
    recorder = new_recorder(path)
    recorder.start()
    for tick in range(-20, 10):
        recorder.write_sound(broadcast_sound(NS_PER_S + tick * SOUND_TICK_NS), NS_PER_S + tick * SOUND_TICK_NS)
    feed(recorder, 1.0, start_ns=NS_PER_S, has_sound=lambda time_ns: time_ns >= NS_PER_S + 10 * SOUND_TICK_NS)
    assert recorder.close().error is None
    recording = probe(path)
    assert recorder.statistics.silence_s < 0.05
    loud = np.abs(recording.sound) > 0.1
    assert np.flatnonzero(loud)[0] < 0.01 * 48_000
    assert abs(np.flatnonzero(loud)[-1] / 48_000 - 0.12) < 0.02


@pytest.mark.parametrize("hole_s", [(1.5, 2.5), (0.0, 1.5), (2.5, 9.0), (-1.0, 9.0)])
def test_missing_sound_is_silence_and_never_a_skip(tmp_path: Path, hole_s: tuple[float, float]) -> None:
    path = tmp_path / "hole.mp4"
    recorder = new_recorder(path)
    recorder.start()
    first_ns, last_ns = (round(time_s * NS_PER_S) for time_s in hole_s)
    feed(recorder, 4.0, has_sound=lambda time_ns: not first_ns <= time_ns < last_ns)
    assert recorder.close().error is None
    recording = probe(path)
    assert recording.sound_whole
    assert abs(recording.sound_duration_s - 4) < 0.05
    quiet = recording.sound_between(max(hole_s[0], 0) + 0.03, min(hole_s[1], 4) - 0.03)
    assert float(np.abs(quiet).max()) < 0.01
    heard = [float(second) for second in range(4) if not hole_s[0] <= second < hole_s[1]]
    assert [round(beep, 1) for beep in beeps(recording)] == heard
    assert all(abs(beep - second) < ALIGNMENT_S for beep, second in zip(beeps(recording), heard, strict=True))


@pytest.mark.parametrize("missing", ["sound", "picture"])
def test_a_stream_that_stops_does_not_keep_the_other_from_the_disk(tmp_path: Path, missing: str) -> None:
    """Looked at before the end, as it would be after a kill."""
    path = tmp_path / "half.mp4"
    recorder = new_recorder(path)
    recorder.start()

    def on(stream: str) -> Callable[[int], bool]:
        return lambda time_ns: missing != stream or time_ns < NS_PER_S

    feed(recorder, 5.0, has_sound=on("sound"), has_picture=on("picture"))
    eventually(lambda: recorder.statistics.duration_s > 4.5)
    left = tmp_path / "left.mp4"
    left.write_bytes(path.read_bytes())
    recording = probe(left)
    assert recording.sound_duration_s > 3.5
    assert recording.frames >= (3.5 * FPS if missing == "sound" else FPS)
    assert recorder.close().error is None


def test_missing_pictures_leave_a_gap_and_the_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "gap.mp4"
    recorder = new_recorder(path)
    recorder.start()
    frames = {frame.time_ns: frame for frame in encoded_ticks("H264", [*range(26), *range(50, 75)])}
    for time_ns in range(0, 3 * NS_PER_S, SOUND_TICK_NS):
        if time_ns in frames:
            recorder.write(frames[time_ns])
        recorder.write_sound(broadcast_sound(time_ns), time_ns)
    assert recorder.close().error is None
    recording = probe(path)
    assert recording.frames == 51
    steps = np.diff(recording.picture_times_s)
    assert float(steps.max()) == pytest.approx(1.0, abs=0.002)
    assert abs(recording.duration_s - 3) < 0.05
    assert [round(beep) for beep in beeps(recording)] == [0, 1, 2]


def test_time_that_stands_still_or_runs_back_is_written_in_order(tmp_path: Path) -> None:
    path = tmp_path / "back.mp4"
    recorder = new_recorder(path)
    recorder.start()
    frames = encoded("H264", 20)
    for number, frame in enumerate(frames):
        recorder.write(replace(frame, time_ns=frames[number // 2 * 2].time_ns if number < 15 else 100 * NS_PER_MS))
    assert recorder.close().error is None
    recording = probe(path)
    assert recording.frames == 20
    assert recording.pictures_in_order


def test_a_disk_too_slow_costs_pictures_up_to_a_keyframe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, write_frame = threading.Event(), Mp4Writer.write_frame

    def slow(self: Mp4Writer, frame: EncodedFrame, pts: int) -> None:
        assert gate.wait(30)
        write_frame(self, frame, pts)

    monkeypatch.setattr(Mp4Writer, "write_frame", slow)
    path = tmp_path / "slow.mp4"
    recorder = new_recorder(path)
    recorder.start()
    frames = encoded("H264", 50, keyframes=(30,))
    recorder.write(frames[0])
    eventually(lambda: recorder.statistics.waiting == 0)
    for frame in frames[1:20]:
        recorder.write(frame)
    for tick in range(BACKLOG - 10):
        recorder.write_sound(broadcast_sound(tick * SOUND_TICK_NS), tick * SOUND_TICK_NS)
    assert recorder.statistics.waiting == BACKLOG
    assert recorder.statistics.dropped == 9
    gate.set()
    eventually(lambda: recorder.statistics.waiting == 0)
    for frame in frames[20:]:
        recorder.write(frame)
    assert recorder.close().error is None
    assert recorder.statistics.frames == 1 + 20
    assert recorder.statistics.dropped == 9 + 20
    assert probe(path).frames == 21


async def test_closing_twice_is_once(tmp_path: Path) -> None:
    path = tmp_path / "twice.mp4"
    recorder = new_recorder(path, info_for(path))
    await asyncio.to_thread(recorder.start)
    await asyncio.to_thread(feed, recorder, 1.0)
    first = await recorder.aclose()
    size = path.stat().st_size
    assert await recorder.aclose() == first
    recorder.write(next(iter(broadcast_frames(1))))
    recorder.write_sound(broadcast_sound(0), 0)
    assert recorder.close() == first
    assert path.stat().st_size == size
    manifest = read_manifest(manifest_path(path))
    assert manifest is not None
    assert (manifest.state, manifest.error, manifest.size_bytes) == ("finished", None, size)
    assert abs(manifest.duration_s - 1) < 0.05
    assert [file.name for file in await asyncio.to_thread(lambda: sorted(tmp_path.iterdir()))] == [
        "twice.json",
        "twice.mp4",
    ]


def test_a_recording_never_overwrites_another(tmp_path: Path) -> None:
    path = tmp_path / "kept.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        new_recorder(path).start()
    assert path.read_bytes() == b"precious"
    with pytest.raises(OSError, match="kept"):
        new_recorder(path / "below.mp4").start()


def test_a_recording_without_pictures_says_so_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "dark.mp4"
    told: list[str] = []
    recorder = Recorder(path, width=160, height=96, fps=FPS, info=info_for(path), on_failure=told.append)
    recorder.start()
    recorder.write_sound(broadcast_sound(0), 0)
    result = recorder.close()
    assert result.error == "no picture came"
    assert (result.frames, result.size_bytes, recorder.state) == (0, 0, "failed")
    assert told == ["no picture came"]
    assert not path.exists()
    never_started = new_recorder(tmp_path / "never.mp4")
    assert never_started.close().frames == 0


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_frames_of_another_kind_end_the_recording(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "odd.mp4"
    recorder = new_recorder(path)
    recorder.start()
    feed(recorder, 2.0)
    wrong = encoded("VP8", 1)[0] if codec == "VP8" else replace(encoded("H264", 1)[0], width=320)
    recorder.write(wrong)
    eventually(lambda: recorder.state == "failed")
    feed(recorder, 0.2)
    result = recorder.close()
    assert result.error is not None
    assert codec in result.error
    assert probe(path).frames == 50


def broadcaster(path: Path, *arguments: int | str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.mcu.recording.broadcaster", str(path), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_killed_process_leaves_a_recording_that_plays(tmp_path: Path) -> None:
    path = tmp_path / "killed.mp4"
    with broadcaster(path, 8) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.kill()
        assert process.wait(20) < 0
    recording = probe(path)
    assert recording.frames >= 7 * FPS
    assert recording.pictures_in_order
    assert recording.sound_whole
    assert 7 <= recording.sound_duration_s <= 8.05
    seconds = [float(second) for second in range(8 if recording.frames > 7 * FPS else 7)]
    lights, sounds = flashes(path), beeps(recording)
    assert [round(light) for light in lights] == seconds
    assert all(any(abs(light - sound) <= ALIGNMENT_S for sound in sounds) for light in lights)

    (found,) = recordings_in(tmp_path)
    assert (found.id, found.state, found.size_bytes) == ("r1", "finished", path.stat().st_size)
    assert 7 <= found.duration_s <= 8.05
    assert found.error is not None
    assert recordings_in(tmp_path) == (found,)


def starved(path: Path, limit: int) -> dict[str, str | int | None]:
    with broadcaster(path, 6, limit) as process:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
    result: dict[str, str | int | None] = json.loads(output.splitlines()[-1])
    return result


def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    """The disk is full at the header, half-way, and while the last table of the file is written."""
    whole = starved(tmp_path / "whole.mp4", 10_000_000)
    assert (whole["state"], whole["frames"]) == ("finished", 150)
    size = whole["bytes"]
    assert isinstance(size, int)
    for limit, least in ((1_000, 0), (size // 2, 50), (size - 1_000, 130)):
        path = tmp_path / f"full{limit}.mp4"
        result = starved(path, limit)
        assert (result["state"], result["error"]) == ("failed", "File too large")
        manifest = read_manifest(manifest_path(path))
        assert manifest is not None
        assert (manifest.state, manifest.error) == ("failed", "File too large")
        if least:
            recording = probe(path)
            assert recording.frames >= least
            assert recording.pictures_in_order


def test_manifests_that_are_broken_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text(json.dumps({"state": "active"}))
    (tmp_path / "c.json").write_bytes(b" " * (2 << 20))
    gone = tmp_path / "gone.mp4"
    manifest_path(gone).write_text(info_for(gone).model_copy(update={"state": "active"}).model_dump_json())
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(b"no film at all")
    manifest_path(noise).write_text(info_for(noise).model_copy(update={"state": "active"}).model_dump_json())
    found = recordings_in(tmp_path)
    assert {info.file: (info.state, info.size_bytes) for info in found} == {
        "gone.mp4": ("failed", 0),
        "noise.mp4": ("failed", 14),
    }

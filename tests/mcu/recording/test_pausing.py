"""A paused recording as a player meets it."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, SAMPLES_PER_TICK
from mcu.media.encoding import VideoEncoder
from mcu.protocol.models import RecordingPause
from mcu.recording.manifest import INTERRUPTED, manifest_path, read_manifest, recordings_in
from mcu.recording.recorder import Recorder
from mixer.canvas import Canvas
from tests.kit.broadcast import FLASH_NS, SOUND_TICK_NS, broadcast_sound
from tests.kit.eventually import eventually
from tests.kit.moving import FPS, SMALL, TICK_NS
from tests.kit.recordings import RecordingProbe, beeps, flashes, pictures, probe
from tests.kit.tones import tone_dbfs
from tests.mcu.recording.test_recorder import ALIGNMENT_S, broadcaster, info_for

SECRET_HZ = 3000
SECRET_V = 220


class Studio:
    """A recorder and what it is fed: a flash and a beep each second; or what nobody may find in the file, red pictures
    and a tone of their own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recorder = Recorder(path, width=SMALL.width, height=SMALL.height, fps=FPS, info=info_for(path))
        self.new_encoder()
        self._next_ns = 0

    def new_encoder(self) -> None:
        self._encoder = VideoEncoder("H264", SMALL.width, SMALL.height, FPS, 300_000)

    def play(self, until_s: float, *, secret: bool = False, keyframe_s: float | None = None) -> None:
        """From where it was; a keyframe at the very first, at ``keyframe_s``, and of a secret everywhere."""
        canvas = Canvas(SMALL)
        while self._next_ns < until_s * NS_PER_S:
            time_ns = self._next_ns
            canvas.fill((220 if time_ns % NS_PER_S < FLASH_NS else 40, 128, SECRET_V if secret else 128))
            keyframe = secret or time_ns == 0 or time_ns == (None if keyframe_s is None else keyframe_s * NS_PER_S)
            frame = self._encoder.encode(canvas, time_ns, keyframe=keyframe)
            assert frame is not None
            self.recorder.write(frame)
            for at_ns in (time_ns, time_ns + SOUND_TICK_NS):
                self.recorder.write_sound(secret_sound(at_ns) if secret else broadcast_sound(at_ns), at_ns)
            self._next_ns += TICK_NS
        eventually(lambda: self.recorder.statistics.waiting == 0)

    def finished(self) -> RecordingProbe:
        result = self.recorder.close()
        assert result.error is None
        recording = probe(self.path)
        assert recording.pictures_in_order
        assert recording.sound_whole
        assert abs(recording.duration_s - result.duration_s) < 0.05
        assert abs(recording.sound_duration_s - result.duration_s) < 0.05
        assert max(later - earlier for earlier, later in pairwise(recording.picture_times_s)) < 0.042
        no_secrets(self.path, recording)
        return recording


def secret_sound(time_ns: int) -> NDArray[np.int16]:
    samples = time_ns * AUDIO_CLOCK_HZ // NS_PER_S + np.arange(SAMPLES_PER_TICK)
    tone: NDArray[np.int16] = (np.sin(samples * (2 * np.pi * SECRET_HZ / AUDIO_CLOCK_HZ)) * 9000).astype(np.int16)
    return tone


def no_secrets(path: Path, recording: RecordingProbe) -> None:
    assert all(float(picture.v.mean()) < 140 for _, picture in pictures(path))
    sound = (recording.sound[: len(recording.sound) // 960 * 960] * 32767).astype(np.int16).reshape(-1, 960)
    assert max(tone_dbfs(piece, SECRET_HZ) for piece in sound) < -40


def together(path: Path, recording: RecordingProbe, seconds: list[float]) -> None:
    lights, sounds = flashes(path), beeps(recording)
    assert len(lights) == len(sounds) == len(seconds)
    for light, sound, wanted in zip(lights, sounds, seconds, strict=True):
        assert abs(light - sound) <= ALIGNMENT_S
        assert abs(light - wanted) <= ALIGNMENT_S


@pytest.mark.parametrize("watched", [True, False])
def test_a_pause_is_cut_out_of_sound_and_picture(tmp_path: Path, watched: bool) -> None:
    """Nobody watches: the encoder is closed for the pause, and another one goes on, with a keyframe at once."""
    back_s = 5.36 if watched else 5.0
    studio = Studio(tmp_path / "cut.mp4")
    recorder = studio.recorder
    recorder.start()
    studio.play(2.5)
    recorder.pause(2_515 * NS_PER_MS + 7)
    recorder.pause(2_900 * NS_PER_MS)
    studio.play(3.0, secret=True)
    eventually(lambda: getattr(read_manifest(manifest_path(studio.path)), "state", None) == "paused")
    stood_s = recorder.statistics.duration_s
    studio.play(5.0, secret=True)
    assert recorder.statistics.duration_s == stood_s
    assert recorder.reached(4_960 * NS_PER_MS)
    assert not recorder.reached(5 * NS_PER_S)
    recorder.resume(5 * NS_PER_S)
    recorder.resume(6 * NS_PER_S)
    if not watched:
        studio.new_encoder()
    studio.play(8.0, keyframe_s=back_s)
    recording = studio.finished()
    cut_s = 2.52  # to the end of the block of sound that was being written when the order came
    (pause,) = recorder.statistics.pauses
    assert pause == RecordingPause(at_s=cut_s, paused_ms=round(back_s * 1000) - 2520)
    assert recording.duration_s == pytest.approx(cut_s + 8 - back_s, abs=0.05)
    together(studio.path, recording, [0, 1, 2, *(cut_s + time_s - back_s for time_s in (5, 6, 7) if time_s >= back_s)])
    manifest = read_manifest(manifest_path(studio.path))
    assert manifest is not None
    assert (manifest.state, manifest.pauses) == ("finished", (pause,))


def test_what_is_paused_and_stopped_is_a_whole_file(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "stopped.mp4")
    studio.recorder.start()
    studio.recorder.pause(1_490 * NS_PER_MS)
    studio.play(1.49)
    studio.play(4.0, secret=True)
    recording = studio.finished()
    assert recording.duration_s == pytest.approx(1.5, abs=0.05)
    together(studio.path, recording, [0, 1])
    assert studio.recorder.close().pauses == (RecordingPause(at_s=1.49, paused_ms=None),)


def test_a_pause_from_before_the_first_picture(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "late.mp4")
    studio.recorder.pause(0)
    studio.recorder.start()
    studio.play(1.0, secret=True)
    manifest = read_manifest(manifest_path(studio.path))
    assert manifest is not None
    assert (manifest.state, manifest.duration_s) == ("paused", 0)
    studio.recorder.resume(NS_PER_S)
    studio.play(4.0, keyframe_s=1.6)
    recording = studio.finished()
    assert recording.duration_s == pytest.approx(2.4, abs=0.05)
    together(studio.path, recording, [0.4, 1.4])


def test_paused_before_any_picture_and_stopped_leaves_no_file(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "never.mp4")
    studio.recorder.pause(0)
    studio.recorder.start()
    assert studio.recorder.close().error == "it was paused before any picture came"
    assert not studio.path.exists()


def test_killed_in_a_pause_it_plays_and_says_where_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "killed.mp4"
    with broadcaster(path, 8, "paused") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        eventually(lambda: getattr(read_manifest(manifest_path(path)), "state", None) == "paused")
        process.kill()
        assert process.wait(20) < 0
    (found,) = recordings_in(tmp_path)
    # Paused from 3 s to 5 s, gone on with at the keyframe of 6 s, paused from 7 s on.
    assert found.pauses == (RecordingPause(at_s=3.0, paused_ms=3000), RecordingPause(at_s=4.0, paused_ms=None))
    assert (found.state, found.error) == ("finished", INTERRUPTED)
    recording = probe(path)
    assert recording.pictures_in_order
    assert recording.sound_whole
    assert 3.3 <= recording.duration_s <= 4.05
    assert flashes(path)[:4] == pytest.approx([0, 1, 2, 3], abs=ALIGNMENT_S)

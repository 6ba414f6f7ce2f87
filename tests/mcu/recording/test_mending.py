from pathlib import Path

import pytest

from mcu.recording.mending import cut_torn_end
from mcu.recording.muxing import AAC_FRAME_SAMPLES, Mp4Writer
from tests.kit.broadcast import broadcast_frames, broadcast_sound
from tests.kit.moving import FPS, SMALL
from tests.kit.recordings import probe


@pytest.fixture
def unfinished(tmp_path: Path) -> bytes:
    """Four seconds of a recording, as a killed process leaves them."""
    path = tmp_path / "unfinished.mp4"
    writer = Mp4Writer(path, SMALL.width, SMALL.height, FPS, 96_000)
    for tick, frame in enumerate(broadcast_frames(4 * FPS)):
        writer.write_frame(frame, tick * 3600)
        for _ in range(2):
            writer.write_sound(broadcast_sound(0)[:AAC_FRAME_SAMPLES])
    data = path.read_bytes()
    writer.close()
    return data


def test_whole_files_stay_as_they_are(unfinished: bytes, tmp_path: Path) -> None:
    assert cut_torn_end(tmp_path / "unfinished.mp4") == 0  # finished by now: no fragments
    path = tmp_path / "killed.mp4"
    path.write_bytes(unfinished)
    assert cut_torn_end(path) == 0
    assert path.read_bytes() == unfinished


@pytest.mark.parametrize("kept", [0.35, 0.5, 0.77, 0.9, 0.999])
def test_a_torn_fragment_is_cut_off_and_the_rest_decodes(unfinished: bytes, tmp_path: Path, kept: float) -> None:
    path = tmp_path / "torn.mp4"
    length = round(len(unfinished) * kept)
    path.write_bytes(unfinished[:length])
    assert cut_torn_end(path) > 0
    assert cut_torn_end(path) == 0
    recording = probe(path)
    assert recording.frames >= FPS * (4 * kept - 1.2)
    assert recording.sound_whole


@pytest.mark.parametrize("data", [b"", b"short", b"no film at all", b"\0\0\0\1ftyp", b"\0\0\0\1mdat" + b"\xff" * 8])
def test_what_is_no_recording_is_left_alone(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(data)
    assert cut_torn_end(path) == 0
    assert path.read_bytes() == data

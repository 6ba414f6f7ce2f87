"""Recordings are found again after the server that made them is gone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcu.protocol.models import RecordingInfo
from mcu.recording.index import MAX_KNOWN, RecordingIndex
from mcu.recording.manifest import manifest_path, write_manifest

START = datetime(2026, 1, 1, tzinfo=UTC)


def info(number: int, room: str = "r", state: str = "finished") -> RecordingInfo:
    return RecordingInfo.model_validate(
        {
            "id": f"{number:04}",
            "room": room,
            "view": "main",
            "state": state,
            "file": f"{number:04}.mp4",
            "started_at": START + timedelta(seconds=number),
            "duration_s": 1.0,
            "size_bytes": 10,
        }
    )


def keep(directory: Path, one: RecordingInfo) -> None:
    folder = directory / one.id
    folder.mkdir(parents=True)
    write_manifest(manifest_path(folder / one.file), one)


def test_what_an_earlier_run_left_is_listed_by_room(tmp_path: Path) -> None:
    for one in (info(2), info(1), info(3, room="other")):
        keep(tmp_path, one)
    (tmp_path / "rubbish").mkdir()
    (tmp_path / "rubbish" / "x.json").write_text("{")
    index = RecordingIndex()
    index.load(tmp_path)
    assert index.of("r") == (info(1), info(2))
    assert index.find("r", "0002") == info(2)
    assert index.find("r", "0003") is None, "a room does not find another room's"


def test_one_that_a_crash_cut_off_says_so(tmp_path: Path) -> None:
    keep(tmp_path, info(1, state="active"))
    index = RecordingIndex()
    index.load(tmp_path)
    (found,) = index.of("r")
    assert found.state == "failed", "there is no file beside the manifest"
    assert found.error


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    index = RecordingIndex()
    index.load(tmp_path / "nowhere")
    assert index.of("r") == ()


def test_the_index_has_a_bound() -> None:
    index = RecordingIndex()
    for number in range(MAX_KNOWN + 5):
        index.add(info(number))
    assert len(index.of("r")) == MAX_KNOWN
    assert index.of("r")[0] == info(5)

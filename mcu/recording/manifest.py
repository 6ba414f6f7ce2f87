"""What is known of a recording, as JSON beside its file: so that it is found again after a restart or a crash."""

import os
from pathlib import Path
from typing import Final

import av
import structlog
from pydantic import ValidationError

from mcu.protocol.models import RecordingInfo
from mcu.recording.mending import cut_torn_end

log = structlog.get_logger()

MAX_MANIFEST_BYTES: Final = 1 << 20
MAX_RECORDINGS: Final = 10_000
INTERRUPTED: Final = "the server stopped while this was recorded; the file plays up to there"


def manifest_path(recording: Path) -> Path:
    return recording.with_suffix(".json")


def write_manifest(path: Path, info: RecordingInfo) -> None:
    """Replaces the manifest in one step, so that it is whole at any time. Raises ``OSError``."""
    fresh = path.with_name(path.name + ".tmp")
    fresh.write_text(info.model_dump_json(indent=2) + "\n", encoding="utf-8")
    os.replace(fresh, path)  # noqa: PTH105 - Path.replace is the same call; this one says what it is for


def read_manifest(path: Path) -> RecordingInfo | None:
    """None when it is absent, too large or not a manifest."""
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            return None
        return RecordingInfo.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        log.warning("manifest_unreadable", path=str(path), error=type(error).__name__)
        return None


def recordings_in(folder: Path) -> tuple[RecordingInfo, ...]:
    """What earlier runs left in a folder, oldest first, at most 10 000. A recording that was cut off by the end of
    its server is put right: finished, as long as what is there, with an ``error`` that says so. Reads files: not on
    an event loop, and before anything is recorded in the folder.
    """
    paths = sorted(folder.glob("*.json"))[:MAX_RECORDINGS]
    found = [_settled(path, info) for path in paths if (info := read_manifest(path)) is not None]
    return tuple(sorted(found, key=lambda info: info.started_at))


def _settled(path: Path, info: RecordingInfo) -> RecordingInfo:
    if info.state in ("finished", "failed"):
        return info
    media = path.with_name(Path(info.file).name)
    try:
        cut_torn_end(media)
        with av.open(str(media.absolute())) as container:
            duration_s = (container.duration or 0) / av.time_base
        changes = {"state": "finished", "duration_s": duration_s, "size_bytes": media.stat().st_size}
    except OSError:  # av.FFmpegError is one for files that are missing or hold no media
        changes = {"state": "failed", "duration_s": 0.0, "size_bytes": 0}
    except av.FFmpegError:
        changes = {"state": "failed", "duration_s": 0.0, "size_bytes": media.stat().st_size}
    settled = info.model_copy(update={**changes, "error": INTERRUPTED})
    try:
        write_manifest(path, settled)
    except OSError as error:
        log.warning("manifest_not_written", path=str(path), error=str(error))
    return settled

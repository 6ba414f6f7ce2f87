"""A process that records a broadcast, to be killed or starved of disk: ``python -m … PATH SECONDS [BYTES | paused]``.

With ``paused`` the recording is paused from the third second to the fifth, and from the last second on. Prints
``written`` once everything was handed to the file, then waits for the end of its input. With BYTES no file of the
process may grow beyond that; then it prints the recorder's result as JSON.
"""

import json
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

from mcu.clock import NS_PER_S
from mcu.protocol.models import RecordingInfo
from mcu.recording.recorder import Recorder
from tests.kit.broadcast import SOUND_TICK_NS, broadcast_frames, broadcast_sound
from tests.kit.eventually import eventually
from tests.kit.moving import FPS, SMALL


def main() -> None:
    path, seconds = Path(sys.argv[1]), int(sys.argv[2])
    option = sys.argv[3] if len(sys.argv) > 3 else ""
    limit = int(option) if option.isdigit() else None
    info = RecordingInfo(
        id="r1", room="studio", view="main", state="starting", file=path.name,
        started_at=datetime.now(UTC), duration_s=0, size_bytes=0,
    )  # fmt: skip
    recorder = Recorder(path, width=SMALL.width, height=SMALL.height, fps=FPS, info=info)
    if option == "paused":
        recorder.pause(3 * NS_PER_S)
        recorder.resume(5 * NS_PER_S)
        recorder.pause((seconds - 1) * NS_PER_S)
    recorder.start()
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for frame in broadcast_frames(seconds * FPS):
        recorder.write(frame)
        for time_ns in (frame.time_ns, frame.time_ns + SOUND_TICK_NS):
            recorder.write_sound(broadcast_sound(time_ns), time_ns)
        eventually(lambda: recorder.statistics.waiting < 100)
    eventually(lambda: not recorder.statistics.waiting)
    sys.stdout.write("written\n")
    sys.stdout.flush()
    if limit is None:
        sys.stdin.read()
    else:
        result = recorder.close()
        facts = {"state": recorder.state, "error": result.error, "frames": result.frames, "bytes": result.size_bytes}
        sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()

"""Outputs that are fed a broadcast, without a room."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mcu.frames import EncodedFrame
from mcu.outputs.output import Output, Patience
from mcu.outputs.pipe import Setup
from tests.kit.broadcast import SOUND_TICK_NS, broadcast_frames, broadcast_sound
from tests.kit.eventually import eventually
from tests.kit.moving import FPS

IMPATIENT = Patience(first_s=0.1, most_s=0.2, attempts=50)


@contextmanager
def running(setup: Setup, patience: Patience = IMPATIENT) -> Iterator[Output]:
    output = Output("o1", setup, patience)
    output.start()
    try:
        yield output
    finally:
        output.close()


def feed(output: Output, first_s: float, last_s: float) -> None:
    """The broadcast between two room times, as fast as it is taken."""
    for frame in broadcast_frames(round((last_s - first_s) * FPS), round(first_s * 1e9)):
        _give(output, frame)
        eventually(lambda: output.waiting < 100)
    eventually(lambda: not output.waiting)


def flood(output: Output, first_s: float, last_s: float) -> None:
    """The same without looking whether it is taken."""
    for frame in broadcast_frames(round((last_s - first_s) * FPS), round(first_s * 1e9)):
        _give(output, frame)


def _give(output: Output, frame: EncodedFrame) -> None:
    output.write(frame)
    for time_ns in (frame.time_ns, frame.time_ns + SOUND_TICK_NS):
        output.write_sound(broadcast_sound(time_ns), time_ns)


def feed_until(output: Output, state: str) -> None:
    """The broadcast from its beginning, on and on."""
    for second in range(60):
        if output.statistics.state == state:
            return
        feed(output, second, second + 1)
        # A feed is much faster than a start: what it brings meanwhile is lost, as it is from a hub.
        with suppress(AssertionError):
            eventually(lambda: output.statistics.state == state, 0.5)
    raise AssertionError(f"it is {output.statistics}, not {state}")

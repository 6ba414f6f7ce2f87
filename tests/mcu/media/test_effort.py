"""An encoder that tries less takes over while people watch: what they and a recording see of it is a keyframe."""

import itertools
import re

import pytest

from mcu.clock import SystemClock
from mcu.frames import EncodedFrame, VideoCodec
from mcu.media.decoder import VideoDecoder
from mcu.media.hub import KEYFRAME_THROTTLE_NS, EncoderHub
from tests.kit.moving import FPS, SMALL, TICK_NS, received
from tests.mcu.media.test_encoder_hub import Collected, Studio, settled

TICKS = 45


class Stage(Studio):
    def __init__(self, codec: VideoCodec) -> None:
        super().__init__()
        self.hub = EncoderHub("main", codec, SMALL.width, SMALL.height, FPS, 300_000, SystemClock())


def parameter_sets(frame: EncodedFrame) -> list[bytes]:
    units = (unit for unit in re.split(b"\0\0\0?\1", frame.data) if unit)
    return [unit for unit in units if unit[0] & 31 in (7, 8)]


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_another_encoder_takes_over_with_a_keyframe_and_no_picture_is_missing(codec: VideoCodec) -> None:
    stage, sink = Stage(codec), Collected()
    stage.hub.add_sink(sink)
    stage.hub.start()
    try:
        stage.show(3)
        stage.hub.effort = "less"
        stage.show(TICKS - 3)
        assert stage.hub.statistics.dropped == 0
        stage.hub.effort = "full"
        stage.hub.effort = "less"  # changed its mind in time
        stage.show(TICKS)
    finally:
        stage.hub.close()
        assert stage.hub.join()
    frames = settled(sink, 2 * TICKS).frames
    assert [frame.time_ns for frame in frames] == [tick * TICK_NS for tick in range(2 * TICKS)]
    taken_over = -(-KEYFRAME_THROTTLE_NS // TICK_NS)
    assert sink.keyframes == [0, taken_over]
    decoder = VideoDecoder(codec)
    assert all(decoder.decode(received(frame)) is not None for frame in frames)
    if codec == "H264":
        one, other = (parameter_sets(frames[index]) for index in sink.keyframes)
        assert one == other != []


def test_a_hub_that_is_made_under_load_tries_less_from_the_start() -> None:
    sizes = []
    for effort in ("full", "less"):
        stage, sink = Stage("H264"), Collected()
        stage.hub.effort = effort
        stage.hub.add_sink(sink)
        stage.hub.start()
        stage.show(10)
        stage.hub.close()
        assert stage.hub.join()
        sizes.append([len(frame.data) for frame in settled(sink, 10).frames])
    assert any(one != other for one, other in itertools.zip_longest(*sizes)), "they are different encoders"

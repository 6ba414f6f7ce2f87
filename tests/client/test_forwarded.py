"""Others' own streams as the Python client sorts them."""

import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from client.forwarded import SPARE, ForwardedMedia
from mcu.protocol.streams import MAX_STREAMS, StreamInfo


def told(*streams: tuple[str, str | None]) -> list[StreamInfo]:
    return [
        StreamInfo(participant=who, source="camera", mid=mid, missing=None if mid else "no_section")
        for who, mid in streams
    ]


async def test_each_frame_goes_to_who_reads_its_sender() -> None:
    media = ForwardedMedia()
    ada, bo = media.pictures("ada", "camera", 4), media.pictures("bo", "camera", 4)
    voice = media.sounds("ada", 4)
    media.told([*told(("ada", "2"), ("bo", "3")), StreamInfo(participant="ada", source="microphone", mid="4")])
    first, second = VideoFrame(16, 16), VideoFrame(32, 16)
    media.arrived("2", first)
    media.arrived("3", second)
    media.arrived("9", VideoFrame(64, 16))
    sound = AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), "s16", "mono")
    media.arrived("4", sound)
    assert (await anext(ada), await anext(bo), await anext(voice)) == (first, second, sound)
    assert (len(ada), len(bo)) == (0, 0)
    media.told(told(("bo", "2")))
    media.arrived("2", second)
    assert await anext(bo) is second
    media.close(None)
    assert [frame async for frame in ada] == []
    assert [frame async for frame in media.pictures("chloe", "camera", 4)] == []


def test_more_sections_are_offered_when_somebody_found_none() -> None:
    media = ForwardedMedia()
    media.expect(1)
    assert media.sections == 1 + SPARE
    assert not media.told(told(("ada", "2")))
    assert media.told(told(("ada", "2"), ("bo", None)))
    assert media.sections == 2 * (1 + SPARE)
    while media.told(told(("bo", None))):
        assert media.sections <= MAX_STREAMS
    assert media.sections == MAX_STREAMS

"""One viewer goes from a composite to a source as it was sent and back: what reaches them is one unbroken stream."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AudioPacket, ReceivedFrame, VideoCodec
from mcu.media.picture_format import picture_format
from mcu.media.retiming import Retiming
from mcu.room.forward_thread import ForwardThread
from mcu.room.forwarding import PictureForward, VoiceForward
from mcu.room.ranking import seated
from mcu.rtc import rtp
from mcu.rtc.listener import OutgoingTypes
from mcu.rtc.sender import VideoFanout
from mixer.geometry import Size
from tests.kit.moving import encoded, received
from tests.mcu.rtc.packets import IDENTITY, HeldClock, Viewer, Viewers

TYPES: dict[VideoCodec, OutgoingTypes] = {"VP8": OutgoingTypes(96, 97), "H264": OutgoingTypes(102, 103)}


class AtOnce(ForwardThread):
    """Sends on the thread of the test."""

    def put(self, send) -> bool:  # type: ignore[no-untyped-def]  # as its parent
        send()
        return True


class Source:
    """A camera that is forwarded, frame by frame; ``asked`` counts the keyframes it was asked for."""

    def __init__(self, clock: HeldClock) -> None:
        self.asked = 0
        self.clock = clock
        self.forward = PictureForward(IDENTITY, clock, AtOnce("room"), lambda rtp, arrived_ns: arrived_ns, self._ask)

    def _ask(self) -> None:
        self.asked += 1

    def sends(self, frames: list[ReceivedFrame]) -> None:
        for frame in frames:
            self.forward.push(frame)


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def viewer(clock: HeldClock) -> Iterator[Viewer]:
    with Viewers(clock) as viewers:
        one = viewers("VP8")
        lane = one.downlink.video
        assert lane is not None
        lane.types = dict(TYPES)
        yield one


def at(frames: list[ReceivedFrame], from_ns: int) -> list[ReceivedFrame]:
    """The same, arriving later."""
    return [
        replace(frame, arrived_ns=frame.arrived_ns + from_ns, rtp_timestamp=frame.rtp_timestamp + 777)
        for frame in frames
    ]


def camera(codec: VideoCodec, keyframes: tuple[int, ...] = ()) -> list[ReceivedFrame]:
    return [received(frame) for frame in encoded(codec, 8, keyframes=keyframes)]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_a_viewer_goes_there_and_back_without_a_break(codec: VideoCodec, clock: HeldClock, viewer: Viewer) -> None:
    lane = viewer.downlink.video
    assert lane is not None
    hub, source = VideoFanout(IDENTITY, "VP8", clock), Source(clock)
    composite = encoded("VP8", 12, keyframes=(8,))
    frames = at(camera(codec, (4,)), 200 * NS_PER_MS)
    source.sends(frames[:1])
    hub.add(viewer.downlink)
    for frame in composite[:4]:
        hub.write(frame)
    assert source.forward.add(lane, viewer.downlink)
    hub.write(composite[4])
    source.sends(frames[1:4])
    assert lane.source is hub, "nothing of the source is sent before its keyframe"
    hub.write(composite[5])
    source.sends(frames[4:6])
    assert lane.source is source.forward.fanout
    hub.write(composite[6])
    hub.add(viewer.downlink)
    hub.write(composite[7])
    source.sends(frames[6:])
    hub.write(replace(composite[8], time_ns=composite[8].time_ns + NS_PER_S))
    packets = viewer.plain(viewer.pending())
    headers = [header for packet in packets if (header := rtp.parse(packet)) is not None]
    numbers = [header.sequence_number for header in headers]
    assert numbers == [(numbers[0] + n) & 0xFFFF for n in range(len(numbers))], "no hole"
    times = list(dict.fromkeys(header.timestamp for header in headers))
    assert len(times) == 6 + 4 + 1
    assert all(0 < (after - before) & 0xFFFF_FFFF < 0x8000_0000 for before, after in pairwise(times))
    types = list(dict.fromkeys(header.payload_type for header in headers))
    assert types == ([96] if codec == "VP8" else [96, 102])
    assert {header.ssrc for header in headers} == {IDENTITY.video_ssrc}


def test_requests_for_keyframes_are_one(clock: HeldClock, viewer: Viewer) -> None:
    lane = viewer.downlink.video
    assert lane is not None
    source = Source(clock)
    frames = camera("VP8")
    assert not source.forward.add(lane, viewer.downlink), "nobody knows its codec yet"
    source.sends(frames[:1])
    source.forward.add(lane, viewer.downlink)
    for _ in range(5):
        source.forward.want_keyframe()
    assert source.asked == 1
    clock.advance(NS_PER_S)
    source.forward.look(clock.now_ns())
    assert source.asked == 2, "asked again while somebody waits"
    source.sends(frames[:1])
    clock.advance(5 * NS_PER_S)
    source.forward.look(clock.now_ns())
    assert source.asked == 2


def test_nothing_goes_on_behind_a_closed_gate(clock: HeldClock, viewer: Viewer) -> None:
    lane = viewer.downlink.video
    assert lane is not None
    source = Source(clock)
    frames = camera("VP8", (5,))
    source.sends(frames[:1])
    source.forward.add(lane, viewer.downlink)
    source.sends(frames[:2])
    source.forward.close_gate(True)
    source.sends(frames[2:4])
    assert source.forward.statistics.frames == 2
    source.forward.close_gate(False)
    source.sends(frames[4:5])
    assert source.forward.statistics.frames == 2, "what was left out is needed to decode this one"
    source.sends(frames[5:])
    assert source.forward.statistics.frames == 5


def test_a_voice_keeps_its_holes_and_its_distances(clock: HeldClock, viewer: Viewer) -> None:
    lane = viewer.downlink.audio
    assert lane is not None
    voice = VoiceForward(IDENTITY, AtOnce("room"), lambda rtp_timestamp: None)
    voice.add(lane, viewer.downlink)
    for number in (65534, 65535, 1, 2, 0):
        ticks = (number - 65534) & 0xFFFF
        voice.push(AudioPacket(bytes([ticks]) * 9, number, 960 * ticks, 1, ticks * 20 * NS_PER_MS))
    packets = viewer.plain(viewer.pending())
    headers = [header for packet in packets if (header := rtp.parse(packet)) is not None]
    first = headers[0]
    assert [header.sequence_number - first.sequence_number for header in headers] == [0, 1, 3, 4, 2]
    assert [(header.timestamp - first.timestamp) // 960 for header in headers] == [0, 1, 3, 4, 2]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
@pytest.mark.parametrize("size", [Size(160, 96), Size(320, 180), Size(1280, 720), Size(90, 162)])
def test_a_keyframe_tells_its_size(codec: VideoCodec, size: Size) -> None:
    frame = encoded(codec, 1, size)[0]
    known = picture_format(codec, frame.data)
    assert known is not None
    assert known.size == size
    assert known.profile == (66 if codec == "H264" else 0)
    for end in range(0, len(frame.data[:40])):
        picture_format(codec, frame.data[:end])  # whatever is cut off, nothing is raised


def test_times_follow_the_sender_and_wear_errors_off() -> None:
    times = Retiming(90_000)
    start = times.at(0xFFFF_F000, 10 * NS_PER_S)
    exact = [times.at((0xFFFF_F000 + n * 3600) & 0xFFFF_FFFF, 10 * NS_PER_S + n * 40 * NS_PER_MS) for n in range(1, 9)]
    assert [time - start for time in exact] == [n * 40 * NS_PER_MS for n in range(1, 9)]
    late = times.at((0xFFFF_F000 + 9 * 3600) & 0xFFFF_FFFF, 10 * NS_PER_S + 9 * 40 * NS_PER_MS + 64 * NS_PER_MS)
    assert late - exact[-1] == 42 * NS_PER_MS, "a delay of 64 ms is not believed at once"
    anew = times.at(5, 20 * NS_PER_S)
    assert anew == 20 * NS_PER_S


def test_who_stays_keeps_their_place() -> None:
    assert seated([None, None], ["a", "b", "c"]) == ["a", "b"]
    assert seated(["a", "b"], ["c", "b", "a"]) == ["c", "b"]
    assert seated(["a", "b", None], ["b"]) == [None, "b", None]

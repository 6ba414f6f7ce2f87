"""One viewer's way: losses made up for in media time, reports, addresses, errors, the end."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from mcu.clock import NS_PER_MS, NS_PER_S, ntp_from_wall
from mcu.frames import EncodedFrame, SenderReport, VideoCodec
from mcu.rtc import downlink as downlinks
from mcu.rtc import rtcp
from mcu.rtc.media_time import video_time
from mcu.rtc.patience import HOLE_LIMIT_NS
from mcu.rtc.sender import AudioFanout, VideoFanout
from mcu.rtc.sound_forward import ForwardedSound, SoundForward
from mcu.rtc.srtp import SrtpProfileName
from tests.mcu.rtc.packets import (
    FRAME_NS,
    IDENTITY,
    PROFILES,
    HeldClock,
    Viewer,
    Viewers,
    begin_at,
    data_of,
    make_frame,
    make_frames,
    seen,
)

CODECS: tuple[VideoCodec, ...] = ("VP8", "H264")


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def viewer(clock: HeldClock) -> Iterator[Viewers]:
    with Viewers(clock) as viewers:
        yield viewers


def run(one: Viewer, fanout: VideoFanout, frames: list[EncodedFrame], drops: Callable[[int], bool]) -> list[int]:
    """Plays frames in media time, 20 ms a step, over a link that loses; the age of each frame as it arrived."""
    one.drops = drops
    began = one.clock.now_ns()
    asked = 0
    for frame in [*frames, *([None] * 10)]:
        if frame is not None:
            keyframe = frame.keyframe or one.server_notes.keyframe_requests > asked
            asked = one.server_notes.keyframe_requests
            again = make_frame(fanout.codec, frame.time_ns // FRAME_NS, keyframe=keyframe)
            fanout.write(again)
        for _ in range(2):
            one.receive()
            one.answer()
            one.clock.advance(FRAME_NS // 2)
    ticks = 90_000 * FRAME_NS // NS_PER_S
    origin = video_time(IDENTITY).origin
    shown = {(frame.rtp_timestamp - origin & 0xFFFF_FFFF) // ticks: frame for frame in one.notes.frames}
    return [
        shown[number].arrived_ns - began - number * FRAME_NS if number in shown else -1 for number in range(len(frames))
    ]


@pytest.mark.parametrize("rtx", [True, False])
@pytest.mark.parametrize("codec", CODECS)
def test_one_loss_in_ten_is_repaired_within_media_time(
    codec: VideoCodec, rtx: bool, clock: HeldClock, viewer: Viewers
) -> None:
    one, fanout, luck = viewer(codec, rtx=rtx), VideoFanout(IDENTITY, codec, clock), random.Random(4)
    fanout.add(one.downlink)
    ages = run(one, fanout, make_frames(codec, 100), lambda number: number > 0 and luck.random() < 0.1)
    lost = one.downlink.statistics.retransmitted
    assert lost > 40
    assert ages.count(-1) == 0
    assert max(ages) <= HOLE_LIMIT_NS
    assert one.downlink.statistics.retransmissions_missed == 0
    assert one.server_notes.keyframe_requests == 0


@pytest.mark.parametrize("codec", CODECS)
def test_short_blackout_is_made_up_for(codec: VideoCodec, clock: HeldClock, viewer: Viewers) -> None:
    one, fanout = viewer(codec), VideoFanout(IDENTITY, codec, clock)
    fanout.add(one.downlink)
    dark = range(clock.now_ns() + NS_PER_S // 2, clock.now_ns() + NS_PER_S)
    ages = run(one, fanout, make_frames(codec, 40), lambda _: clock.now_ns() in dark)
    assert ages.count(-1) == 0
    assert one.server_notes.keyframe_requests == 0


@pytest.mark.parametrize("codec", CODECS)
def test_four_dark_seconds_end_with_a_keyframe(codec: VideoCodec, clock: HeldClock, viewer: Viewers) -> None:
    one, fanout = viewer(codec), VideoFanout(IDENTITY, codec, clock)
    fanout.add(one.downlink)
    dark = range(clock.now_ns() + NS_PER_S, clock.now_ns() + 5 * NS_PER_S)
    ages = run(one, fanout, make_frames(codec, 150), lambda _: clock.now_ns() in dark)
    assert all(age >= 0 for age in ages[:25])
    assert all(age == -1 for age in ages[25:125])
    assert all(age >= 0 for age in ages[128:])
    assert one.server_notes.keyframe_requests == 1


def test_bad_luck_for_one_viewer_is_nothing_to_another(clock: HeldClock, viewer: Viewers) -> None:
    unlucky, lucky, fanout = viewer(), viewer(), VideoFanout(IDENTITY, "VP8", clock)
    frames = make_frames("VP8", 20)
    for one in (unlucky, lucky):
        fanout.add(one.downlink)
    run(unlucky, fanout, frames, lambda number: number % 3 == 2)
    lucky.receive()
    assert seen(lucky) == data_of(frames)
    assert lucky.downlink.statistics.retransmitted == 0


@pytest.mark.parametrize("profile", PROFILES)
def test_plain_resend_is_the_same_datagram(profile: SrtpProfileName, clock: HeldClock, viewer: Viewers) -> None:
    one, fanout = viewer(profile=profile, rtx=False), VideoFanout(IDENTITY, "VP8", clock)
    begin_at(fanout, 40_000)
    fanout.add(one.downlink)
    for frame in make_frames("VP8", 3):
        fanout.write(frame)
        clock.advance(FRAME_NS)
    sent = one.pending()
    one.downlink.retransmit([int.from_bytes(datagram[2:4], "big") for datagram in sent])
    assert one.pending() == sent


def test_packets_that_are_too_old_or_never_were_are_missed(clock: HeldClock, viewer: Viewers) -> None:
    one, fanout = viewer(), VideoFanout(IDENTITY, "VP8", clock)
    one.downlink.retransmit([1])
    begin_at(fanout, 100)
    fanout.write(make_frame("VP8", 0, keyframe=True))
    fanout.add(one.downlink)
    fanout.write(make_frame("VP8", 1, keyframe=True))
    one.pending()
    one.downlink.retransmit([100, 104, 110, 65_535])
    assert one.pending() == []
    one.downlink.retransmit([105, 109])
    assert len(one.pending()) == 2
    fanout.write(make_frame("VP8", 2, size=3_000_000))
    one.pending()
    one.downlink.retransmit([105])
    assert one.downlink.statistics.retransmissions_missed == 6
    assert one.downlink.statistics.retransmitted == 2


def test_retransmissions_are_bounded_a_second(clock: HeldClock, viewer: Viewers) -> None:
    one, fanout = viewer(), VideoFanout(IDENTITY, "VP8", clock)
    begin_at(fanout, 0)
    fanout.add(one.downlink)
    fanout.write(make_frame("VP8", 0, keyframe=True, size=100_000))
    one.pending()
    for _ in range(20):
        one.downlink.retransmit(range(80))
    limit = downlinks.MAX_RETRANSMISSIONS_PER_S
    assert len(one.pending()) == limit
    assert one.downlink.statistics.retransmissions_refused == 1600 - limit
    clock.advance(NS_PER_S // 2)
    for _ in range(20):
        one.downlink.retransmit(range(80))
    assert len(one.pending()) == limit // 2


def test_reports_tell_the_time_of_capture(clock: HeldClock, viewer: Viewers) -> None:
    """A frame and a sound of one instant of room time must be one instant of NTP time, however late they were sent."""
    one, fanout, sound = viewer(), VideoFanout(IDENTITY, "VP8", clock), AudioFanout(IDENTITY)
    assert one.downlink.sender_report(clock.now_ns()) == b""
    fanout.add(one.downlink)
    sound.add(one.downlink)
    room_time = clock.now_ns()
    clock.advance(70 * NS_PER_MS)
    fanout.write(EncodedFrame("VP8", make_frame("VP8", 0, keyframe=True).data, True, room_time, 320, 180))
    clock.advance(10 * NS_PER_MS)
    sound.send(b"sound", room_time, {})
    one.receive()
    now_ns = clock.now_ns()
    clock.advance(5 * NS_PER_MS)
    one.downlink.send_rtcp(one.downlink.sender_report(now_ns))
    one.receive()
    video, voice = one.notes.reports
    assert video.ntp == voice.ntp == ntp_from_wall(clock.wall_ns() - 5 * NS_PER_MS)
    behind = 80 * NS_PER_MS
    assert (video.rtp_timestamp - one.notes.frames[0].rtp_timestamp) & 0xFFFF_FFFF == behind * 90_000 // NS_PER_S
    assert (voice.rtp_timestamp - one.notes.sounds[0].rtp_timestamp) & 0xFFFF_FFFF == behind * 48_000 // NS_PER_S


def when(report: SenderReport, rtp_timestamp: int, clock_hz: int) -> float:
    """In seconds of the sender's wall clock, as a receiver works it out from a report."""
    step = (rtp_timestamp - report.rtp_timestamp + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000
    return report.ntp / 2**32 + step / clock_hz


def test_a_forwarded_picture_belongs_to_its_owners_voice_in_the_mix(clock: HeldClock, viewer: Viewers) -> None:
    """What they said at the capture of a picture is in the mix 60 ms later, and in a voice that is forwarded at once:
    receivers find both beside that picture."""
    lag_ns = 60 * NS_PER_MS
    captured_ns = clock.now_ns()
    clock.advance(80 * NS_PER_MS)
    picture = EncodedFrame("VP8", make_frame("VP8", 0, keyframe=True).data, True, captured_ns, 320, 180)
    mix, voice = AudioFanout(IDENTITY), SoundForward(IDENTITY, lambda: lag_ns)
    for sound in (mix, voice):
        one = viewer()
        forwarded = VideoFanout(IDENTITY, "VP8", clock, lambda: lag_ns)
        forwarded.add(one.downlink)
        forwarded.write(picture)
        assert one.downlink.audio is not None
        if sound is mix:
            mix.add(one.downlink)
            mix.send(b"sound", captured_ns + lag_ns, {})
        else:
            voice.add(one.downlink.audio, one.downlink)
            voice.write(ForwardedSound(b"sound", 1, captured_ns, marker=False))
        one.receive()
        one.downlink.send_rtcp(one.downlink.sender_report(clock.now_ns()))
        one.receive()
        of_picture, of_sound = one.notes.reports
        shown_s = when(of_picture, one.notes.frames[0].rtp_timestamp, 90_000)
        assert shown_s == pytest.approx(when(of_sound, one.notes.sounds[0].rtp_timestamp, 48_000), abs=1e-4)
        drawn = VideoFanout(IDENTITY, "VP8", clock)
        drawn.add(one.downlink)
        drawn.write(replace(picture, time_ns=captured_ns + lag_ns))
        one.receive()
        one.downlink.send_rtcp(one.downlink.sender_report(clock.now_ns()))
        one.receive()
        drawn_s = when(one.notes.reports[2], one.notes.frames[1].rtp_timestamp, 90_000)
        assert drawn_s == pytest.approx(shown_s, abs=1e-4), "back in the composite it is on the axis of the mix again"


def test_reports_count_what_was_sent(clock: HeldClock, viewer: Viewers) -> None:
    one, sound = viewer(), AudioFanout(IDENTITY)
    sound.add(one.downlink)
    for _ in range(3):
        sound.send(b"sound", 0, {})
    (info,) = rtcp.parse(one.downlink.sender_report(clock.now_ns()))
    assert isinstance(info, rtcp.SenderInfo)
    assert (info.ssrc, info.packets, info.octets) == (IDENTITY.audio_ssrc, 3, 15)


def test_round_trip_is_measured_from_reports(clock: HeldClock, viewer: Viewers) -> None:
    one, sound = viewer(), AudioFanout(IDENTITY)
    sound.add(one.downlink)
    sound.send(b"sound", 0, {})
    one.downlink.send_rtcp(one.downlink.sender_report(clock.now_ns()))
    clock.advance(30 * NS_PER_MS)
    one.receive()
    clock.advance(NS_PER_S)
    answer = one.protector.protect_rtcp(one.receiver.report(clock.now_ns()))
    assert answer is not None
    clock.advance(20 * NS_PER_MS)
    one.server.datagram(answer)
    (reception,) = one.server_notes.receptions
    assert reception.round_trip_s == pytest.approx(0.05, abs=0.001)


def test_repoint_sends_to_the_new_address_only(clock: HeldClock, viewer: Viewers) -> None:
    one, elsewhere, fanout = viewer(), viewer(), VideoFanout(IDENTITY, "VP8", clock)
    fanout.add(one.downlink)
    frames = make_frames("VP8", 2)
    fanout.write(frames[0])
    one.downlink.repoint(elsewhere.outgoing.fileno(), elsewhere.incoming.getsockname())
    fanout.write(frames[1])
    assert len(one.pending()) == 5
    moved = elsewhere.pending()
    assert len(moved) == 5
    assert len(one.plain(moved)) == 5


def test_network_errors_are_counted_and_raise_nothing(clock: HeldClock, viewer: Viewers) -> None:
    one, fanout, sound = viewer(), VideoFanout(IDENTITY, "VP8", clock), AudioFanout(IDENTITY)
    fanout.add(one.downlink)
    sound.add(one.downlink)
    one.downlink.repoint(one.outgoing.fileno(), ("255.255.255.255", 9))
    fanout.write(make_frame("VP8", 0, keyframe=True))
    sound.send(b"sound", 0, {})
    one.downlink.send_rtcp(one.downlink.sender_report(clock.now_ns()))
    assert one.downlink.statistics.send_errors >= 3
    one.downlink.repoint(one.outgoing.fileno(), one.incoming.getsockname())
    assert one.downlink.statistics.send_errors >= 3
    sound.send(b"heard", 0, {})
    assert len(one.pending()) == 1


def test_closed_downlink_is_in_no_fanout_and_takes_nothing(clock: HeldClock, viewer: Viewers) -> None:
    one, fanout, sound = viewer(), VideoFanout(IDENTITY, "VP8", clock), AudioFanout(IDENTITY)
    fanout.add(one.downlink)
    sound.add(one.downlink)
    fanout.write(make_frame("VP8", 0, keyframe=True))
    sound.send(b"sound", 0, {})
    one.pending()
    one.downlink.close()
    one.downlink.close()
    fanout.write(make_frame("VP8", 1, keyframe=True))
    sound.send(b"sound", 0, {})
    fanout.add(one.downlink)
    sound.add(one.downlink)
    one.downlink.retransmit([int(number) for number in range(10)])
    one.downlink.send_rtcp(rtcp.receiver_report(1))
    assert one.pending() == []
    assert fanout.statistics.viewers == sound.statistics.listeners == 0

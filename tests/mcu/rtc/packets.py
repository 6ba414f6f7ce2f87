"""Both ends of a packet path without a peer: keys, a clock that is told the time, a listener that remembers, a link."""

import os
import random
import socket
from collections.abc import Callable, Iterable
from typing import Self

from mcu.clock import NS_PER_MS
from mcu.frames import PLAIN_SOUND, AudioPacket, EncodedFrame, ReceivedFrame, SenderReport, SoundForm, VideoCodec
from mcu.rtc.downlink import Downlink
from mcu.rtc.listener import Negotiated, OutgoingIdentity, PeerState, Reception
from mcu.rtc.receiver import Receiver
from mcu.rtc.sender import AudioFanout, VideoFanout
from mcu.rtc.srtp import Protector, SrtpKeys, SrtpProfileName, Unprotector

KEY_LENGTHS: dict[SrtpProfileName, int] = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}
PROFILES = tuple(KEY_LENGTHS)
IDENTITY = OutgoingIdentity(0x1111_1111, 0x2222_2222, 0x3333_3333, "room")
VIEWER = OutgoingIdentity(0x4444_4444, 0x5555_5555, 0x6666_6666, "viewer")
PAYLOAD_TYPES: dict[VideoCodec, int] = {"VP8": 96, "H264": 102}
FRAME_NS = 40 * NS_PER_MS
_LAST = b"that was all"


class HeldClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.monotonic = 5_000_000_000
        self.wall = 1_700_000_000_000_000_000

    def now_ns(self) -> int:
        return self.monotonic

    def wall_ns(self) -> int:
        return self.wall

    def advance(self, ns: int) -> None:
        self.monotonic += ns
        self.wall += ns


class Notebook:
    """A listener that writes everything down."""

    def __init__(self) -> None:
        self.frames: list[ReceivedFrame] = []
        self.sounds: list[AudioPacket] = []
        self.reports: list[SenderReport] = []
        self.receptions: list[Reception] = []
        self.keyframe_requests = 0

    def on_video(self, frame: ReceivedFrame) -> None:
        self.frames.append(frame)

    def on_audio(self, packet: AudioPacket) -> None:
        self.sounds.append(packet)

    def on_sender_report(self, report: SenderReport) -> None:
        self.reports.append(report)

    def on_keyframe_request(self) -> None:
        self.keyframe_requests += 1

    def on_reception(self, reception: Reception) -> None:
        self.receptions.append(reception)

    def on_state(self, state: PeerState, reason: str) -> None:
        raise AssertionError("packets have no state")


def make_keys(profile: SrtpProfileName = "AES_CM_128_HMAC_SHA1_80") -> tuple[SrtpKeys, SrtpKeys]:
    """The keys of the two ends of one connection."""
    ours, theirs = os.urandom(KEY_LENGTHS[profile]), os.urandom(KEY_LENGTHS[profile])
    return SrtpKeys(profile, ours, theirs), SrtpKeys(profile, theirs, ours)


def noise(size: int, seed: int) -> bytes:
    """Bytes without zeros: nothing in them looks like a start code."""
    return bytes(random.Random(seed).choices(range(1, 256), k=size))


def make_frame(codec: VideoCodec, number: int, *, keyframe: bool = False, size: int = 5000) -> EncodedFrame:
    """A frame that no decoder would show but every packetiser takes; H.264 as two slices behind parameter sets."""
    body = noise(size, number)
    if codec == "VP8":
        head = b"\x10\x02\0\x9d\x01\x2a\x40\x01\xb4\0" if keyframe else b"\x11\x02\0"
        data = head + body
    else:
        half = size // 2
        slice_head = b"\x65" if keyframe else b"\x41"
        nals = [b"\x67" + noise(12, 1), b"\x68" + noise(4, 2)] if keyframe else []
        nals += [slice_head + b"\x88" + body[:half], slice_head + b"\x48" + body[half:]]
        data = b"".join(b"\0\0\0\1" + nal for nal in nals)
    return EncodedFrame(codec, data, keyframe, number * FRAME_NS, 320, 180)


def make_frames(codec: VideoCodec, count: int, size: int = 5000) -> list[EncodedFrame]:
    """A key frame and what follows it."""
    return [make_frame(codec, number, keyframe=number == 0, size=size) for number in range(count)]


class Viewer:
    """One viewer over real loopback UDP: the server's downlink and receiver on this end, its own on the other.

    ``drops`` says for the n-th datagram on its way to the viewer whether it is lost.
    """

    def __init__(
        self,
        clock: HeldClock,
        codec: VideoCodec = "VP8",
        profile: SrtpProfileName = "AES_CM_128_HMAC_SHA1_80",
        *,
        rtx: bool = True,
        send_time_ext: int | None = 3,
        payload_type: int | None = None,
        form: SoundForm = PLAIN_SOUND,
        dtx: bool = False,
    ) -> None:
        server_keys, viewer_keys = make_keys(profile)
        payload_type = payload_type or PAYLOAD_TYPES[codec]
        repair = payload_type + 1
        self.clock = clock
        self.outgoing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.incoming = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.incoming.bind(("127.0.0.1", 0))
        self.incoming.settimeout(10.0)
        self.incoming.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        negotiated = Negotiated(
            video_out=payload_type,
            video_out_codec=codec,
            video_out_rtx=repair if rtx else None,
            abs_send_time_out_ext=send_time_ext,
            audio_out=111,
            audio_out_form=form,
            audio_out_dtx=dtx,
        )
        self.downlink = Downlink(
            negotiated, server_keys, self.outgoing.fileno(), self.incoming.getsockname(), IDENTITY, clock
        )
        self.server_notes = Notebook()
        self.server = Receiver(
            Unprotector(server_keys),
            Negotiated(),
            self.server_notes,
            clock,
            identity=IDENTITY,
            on_nack=self.downlink.retransmit,
        )
        self.notes = Notebook()
        self.receiver = Receiver(
            Unprotector(viewer_keys),
            Negotiated(video_in={payload_type: codec}, video_in_rtx={repair: payload_type}, audio_in=111),
            self.notes,
            clock,
            identity=VIEWER,
            on_nack=lambda _: None,
        )
        self.peek = Unprotector(viewer_keys)
        self.protector = Protector(viewer_keys)
        self.drops: Callable[[int], bool] = lambda _: False
        self.arrivals = 0

    def pending(self) -> list[bytes]:
        """Every datagram that is on its way, taken from the socket up to a last one sent behind them."""
        self.outgoing.sendto(_LAST, self.incoming.getsockname())
        datagrams = []
        while (datagram := self.incoming.recv(4096)) != _LAST:
            datagrams.append(datagram)
        return datagrams

    def receive(self) -> list[bytes]:
        """Hands what arrives to the viewer's receiver; the datagrams that weren't lost."""
        kept = []
        for datagram in self.pending():
            self.arrivals += 1
            if not self.drops(self.arrivals - 1):
                kept.append(datagram)
        self.deliver(kept)
        return kept

    def deliver(self, datagrams: Iterable[bytes]) -> None:
        for datagram in datagrams:
            self.receiver.datagram(datagram)

    def plain(self, datagrams: Iterable[bytes]) -> list[bytes]:
        """What a viewer reads, by a session that saw nothing else; RTP only."""
        packets = []
        for datagram in datagrams:
            packet = self.peek.unprotect(datagram)
            assert packet is not None, "a datagram didn't authenticate"
            packets.append(bytes(packet))
        return packets

    def answer(self) -> None:
        """Carries the viewer's feedback of this moment to the server."""
        feedback = self.receiver.poll(self.clock.now_ns())
        if feedback is not None:
            protected = self.protector.protect_rtcp(feedback)
            assert protected is not None
            self.server.datagram(protected)

    def close(self) -> None:
        self.downlink.close()
        self.server.close()
        self.receiver.close()
        self.peek.close()
        self.protector.close()
        self.outgoing.close()
        self.incoming.close()


class Viewers:
    """Makes viewers on one clock, and closes them all."""

    def __init__(self, clock: HeldClock) -> None:
        self.clock = clock
        self._made: list[Viewer] = []

    def __call__(
        self,
        codec: VideoCodec = "VP8",
        profile: SrtpProfileName = "AES_CM_128_HMAC_SHA1_80",
        *,
        rtx: bool = True,
        send_time_ext: int | None = 3,
        payload_type: int | None = None,
        form: SoundForm = PLAIN_SOUND,
        dtx: bool = False,
    ) -> Viewer:
        made = Viewer(
            self.clock,
            codec,
            profile,
            rtx=rtx,
            send_time_ext=send_time_ext,
            payload_type=payload_type,
            form=form,
            dtx=dtx,
        )
        self._made.append(made)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for made in self._made:
            made.close()


def begin_at(fanout: VideoFanout | AudioFanout, sequence: int) -> None:
    """Lets a fan-out's next packet have a number that a test knows."""
    fanout._next = sequence


def sequences(packets: Iterable[bytes]) -> list[int]:
    """The sequence numbers of plain or protected RTP packets."""
    return [int.from_bytes(packet[2:4], "big") for packet in packets]


def seen(one: Viewer) -> list[bytes]:
    return [frame.data for frame in one.notes.frames]


def data_of(frames: Iterable[EncodedFrame]) -> list[bytes]:
    return [frame.data for frame in frames]

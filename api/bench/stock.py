"""aiortc as it comes, to compare with: its DTLS, senders and receivers, over aioice's protocol without negotiation."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, Literal, TypeAlias, cast

import av
from aioice import Candidate, Connection
from aioice.ice import StunProtocol
from aiortc import RTCCertificate, RTCIceTransport, RTCRtpReceiver, RTCRtpSender
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM, RTCDtlsTransport
from aiortc.rtcrtpparameters import (
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpDecodingParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpReceiveParameters,
    RTCRtpSendParameters,
)
from aiortc.rtcrtpreceiver import RemoteStreamTrack

from api.bench.harness import BenchFailed
from api.bench.media import AUDIO_TYPE, SEND_TIME_EXT, TICK_NS, VIDEO_TYPE, Media
from mcu.clock import NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ
from mcu.media.pictures import VIDEO_TIME_BASE

Kind = Literal["audio", "video"]
Packet: TypeAlias = "av.Packet[Any]"

PATIENCE_S: Final = 60.0
MAX_WAITING: Final = 1 << 14
SEND_TIME: Final = RTCRtpHeaderExtensionParameters(
    id=SEND_TIME_EXT, uri="http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
)
PAYLOAD_TYPES: Final[dict[Kind, int]] = {"video": VIDEO_TYPE, "audio": AUDIO_TYPE}
ANYWHERE: Final = ("127.0.0.1", 9)
CODECS: Final[dict[Kind, RTCRtpCodecParameters]] = {
    "video": RTCRtpCodecParameters("video/VP8", VIDEO_CLOCK_HZ, payloadType=VIDEO_TYPE),
    "audio": RTCRtpCodecParameters("audio/opus", AUDIO_CLOCK_HZ, channels=2, payloadType=AUDIO_TYPE),
}


class Wire:
    """One end of a path for datagrams, in the shape in which aiortc's DTLS knows ICE and aioice's protocol knows its
    connection: as if a pair of candidates had been nominated. ``deliver`` takes what is sent, until a socket does.
    """

    state = "completed"

    def __init__(self, role: Literal["controlling", "controlled"]) -> None:
        self.role = role
        self.inbox: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue(MAX_WAITING)
        self.deliver: Callable[[bytes], object] = len
        self.protocol = StunProtocol(cast(Connection, self))
        self.protocol.local_candidate = cast(Candidate, SimpleNamespace(component=1))
        self._address: tuple[str, int] | None = None

    async def send_to(self, address: tuple[str, int]) -> asyncio.DatagramTransport:
        """Sends over a socket of its own from now on; the caller closes it."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self.protocol, local_addr=("127.0.0.1", 0))
        self._address = address
        return transport

    def arrive(self, data: bytes) -> None:
        """A datagram, as the socket hands it over."""
        self.protocol.datagram_received(data, ANYWHERE)

    def data_received(self, data: bytes, component: int) -> None:
        self.inbox.put_nowait((data, component))

    def protocol_lost(self, protocol: StunProtocol) -> None: ...

    async def _send(self, data: bytes) -> None:
        if self._address is None:
            self.deliver(data)
        else:
            await self.protocol.send_data(data, self._address)

    async def _recv(self) -> bytes:
        data, _ = await self.inbox.get()
        return data


@dataclass(frozen=True, slots=True)
class End:
    wire: Wire
    dtls: RTCDtlsTransport


async def connected() -> tuple[End, End]:
    """Two ends after a real handshake. Raises ``BenchFailed``."""
    one, other = (_end(role) for role in ("controlling", "controlled"))
    one.wire.deliver, other.wire.deliver = other.wire.arrive, one.wire.arrive
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(
            one.dtls.start(other.dtls.getLocalParameters()), other.dtls.start(one.dtls.getLocalParameters())
        )
    if {one.dtls.state, other.dtls.state} != {"connected"}:
        raise BenchFailed("aiortc's own handshake failed")
    return one, other


def _end(role: Literal["controlling", "controlled"]) -> End:
    wire = Wire(role)
    certificate = RTCCertificate.generateCertificate()
    dtls = RTCDtlsTransport(cast(RTCIceTransport, wire), [certificate])
    dtls._srtp_profiles = [SRTP_AEAD_AES_128_GCM]  # as ours: among themselves they would take the 256 bits
    return End(wire, dtls)


class Playback(MediaStreamTrack):
    """A track of one kind that hands on each packet as it is put into ``queue``."""

    def __init__(self, kind: Kind) -> None:
        self.kind: Kind = kind
        super().__init__()
        self.queue: asyncio.Queue[Packet] = asyncio.Queue(MAX_WAITING)

    async def recv(self) -> Any:
        return await self.queue.get()


async def play(packets: Sequence[Packet], tracks: Sequence[Playback]) -> None:
    """Gives every track each packet, and its sender the time to send it, before the next one."""
    for packet in packets:
        for track in tracks:
            track.queue.put_nowait(packet)
        await settle(lambda: all(track.queue.empty() for track in tracks))


async def settle(done: Callable[[], bool]) -> None:
    """Lets the event loop run until ``done``, and those who were woken then once more."""
    async with asyncio.timeout(PATIENCE_S):
        while not done():  # noqa: ASYNC110 - an event would be work that isn't aiortc's
            await asyncio.sleep(0)
        await asyncio.sleep(0)


def packets_of(media: Media, kind: Kind) -> list[Packet]:
    """Compressed frames as aiortc's senders take them."""
    if kind == "video":
        timed = [(frame.data, frame.time_ns) for frame in media.frames]
    else:
        timed = [(sound, number * TICK_NS) for number, sound in enumerate(media.sounds)]
    made = []
    for data, time_ns in timed:
        packet = av.Packet(data)
        packet.pts, packet.time_base = time_ns * VIDEO_CLOCK_HZ // NS_PER_S, VIDEO_TIME_BASE
        made.append(packet)
    return made


async def start_sender(track: Playback, dtls: RTCDtlsTransport) -> RTCRtpSender:
    sender = RTCRtpSender(track, dtls)
    await sender.send(
        RTCRtpSendParameters(
            codecs=[CODECS[track.kind]],
            headerExtensions=[SEND_TIME],
            muxId="",
            rtcp=RTCRtcpParameters(cname="bench", mux=True),
        )
    )
    return sender


async def packets_sent(senders: Sequence[RTCRtpSender]) -> int:
    reports = [await sender.getStats() for sender in senders]
    entries = itertools.chain.from_iterable(report.values() for report in reports)
    return sum(entry.packetsSent for entry in entries if entry.type == "outbound-rtp")


async def start_receiver(kind: Kind, dtls: RTCDtlsTransport, ssrc: int) -> RTCRtpReceiver:
    """A receiver with the track that a peer connection would have given it."""
    receiver = RTCRtpReceiver(kind, dtls)
    receiver._track = RemoteStreamTrack(kind=kind)
    await receiver.receive(
        RTCRtpReceiveParameters(
            codecs=[CODECS[kind]],
            headerExtensions=[SEND_TIME],
            muxId="",
            rtcp=RTCRtcpParameters(cname="bench", mux=True),
            encodings=[RTCRtpDecodingParameters(ssrc=ssrc, payloadType=PAYLOAD_TYPES[kind])],
        )
    )
    return receiver


def stock_encoder(bitrate_bps: int) -> Callable[[av.VideoFrame], object]:
    """aiortc's own VP8 encoder, as its senders have one each: compresses a frame and cuts it into payloads."""
    encoder = Vp8Encoder()
    encoder.target_bitrate = bitrate_bps
    return encoder.encode

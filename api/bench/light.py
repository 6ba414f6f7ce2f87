"""A participant that costs next to nothing: real signaling, ICE, DTLS and SRTP, and media that is compressed already.

It is the server's own transport turned round: the same loss repair, reports and retransmissions that a browser has.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import structlog

from api.bench.harness import BenchFailed
from api.bench.live import LOOPBACK
from client.signaling import OnEvent, Signaling
from mcu.clock import Clock, SystemClock
from mcu.errors import BadRequest
from mcu.frames import AudioPacket, EncodedFrame, ReceivedFrame, SenderReport
from mcu.rtc.agreement import RemoteTransport
from mcu.rtc.binding import DtlsLink, IceAgent, IceOptions
from mcu.rtc.certificate import process_certificate
from mcu.rtc.ice import parse_candidate
from mcu.rtc.listener import Negotiated, OutgoingIdentity, PeerState, Reception
from mcu.rtc.media import MediaSession
from mcu.rtc.sdp import Section, parse_offer
from mcu.rtc.sender import AudioFanout, VideoFanout
from mcu.rtc.ticker import RtcTicker

AUDIO_TYPE: Final = 111
VIDEO_TYPE: Final = 96
REPAIR_TYPE: Final = 97
CONNECT_S: Final = 30.0

_ICE: Final = IceOptions((LOOPBACK,), None, consent_interval_s=5.0, consent_failures=6)
_OFFER: Final = """v=0
o=- {session} 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF {audio}
{transport}
a=mid:0
a=rtpmap:{audio} opus/48000/2
a=fmtp:{audio} minptime=10;useinbandfec=1
m=video 9 UDP/TLS/RTP/SAVPF {video} {repair}
{transport}
a=mid:1
a=rtpmap:{video} VP8/90000
a=rtcp-fb:{video} nack
a=rtcp-fb:{video} nack pli
a=rtcp-fb:{video} goog-remb
a=rtpmap:{repair} rtx/90000
a=fmtp:{repair} apt={video}
"""
_TRANSPORT: Final = """c=IN IP4 0.0.0.0
a=sendrecv
a=rtcp-mux
a=ice-ufrag:{ufrag}
a=ice-pwd:{pwd}
a=fingerprint:{algorithm} {fingerprint}
a=setup:actpass"""

Reroute = Callable[[tuple[str, int]], tuple[str, int]]
"""Takes the server's address, and says where to send instead: through a bad network, say."""

log = structlog.get_logger()


class LightPeer:
    """One participant. Assign ``on_sound``, ``on_frame`` and ``on_report``; call ``send_sound`` and ``send_frame``.

    ``clock`` is the participant's own: media times are in it. Everything belongs to the event loop.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.id = ""
        """The participant's, once it has joined."""
        self.joining_ns = 0
        """When it asked to be let in, monotonic."""
        self.on_sound: Callable[[AudioPacket], None] = _ignore
        self.on_frame: Callable[[ReceivedFrame], None] = _ignore
        self.on_report: Callable[[SenderReport], None] = _ignore
        self.keyframes_wanted = 0
        """How often the server has asked for a keyframe of ours."""
        video, repair, audio = (secrets.randbits(31) * 2 + 1 for _ in range(3))
        self._identity = OutgoingIdentity(video, repair, audio, f"light-{secrets.token_hex(4)}")
        self._sound = AudioFanout(self._identity)
        self._pictures = VideoFanout(self._identity, "VP8", clock)
        self._media: MediaSession | None = None
        self._ice = IceAgent(_ICE, controlling=True, on_media=self._datagram, on_lost=self.fail)
        self._dtls: DtlsLink | None = None
        self._failed = ""

    async def offer(self) -> str:
        await self._ice.gather_candidates()
        certificate = process_certificate.current(time.monotonic_ns())
        self._dtls = DtlsLink(self._ice, certificate)
        transport = _TRANSPORT.format(
            ufrag=self._ice.local_username,
            pwd=self._ice.local_password,
            algorithm=certificate.fingerprint.algorithm,
            fingerprint=certificate.fingerprint.value,
        )
        # Without a candidate: the server sees where our checks come from, through whatever network.
        text = _OFFER.format(
            session=secrets.randbits(60), transport=transport, audio=AUDIO_TYPE, video=VIDEO_TYPE, repair=REPAIR_TYPE
        )
        return text.replace("\n", "\r\n")

    async def accept(self, answer: str, reroute: Reroute | None) -> None:
        """Connects. Raises ``BenchFailed`` when that doesn't work out."""
        section = parse_offer(answer).sections[0]
        if section.ice_ufrag is None or section.ice_pwd is None or self._dtls is None:
            raise BenchFailed("an answer without ICE, or before the offer")
        for value in section.candidates:
            candidate = parse_candidate(value)
            if reroute is not None:
                host, port = reroute((candidate.host, candidate.port))
                candidate = parse_candidate(value.replace(f" {candidate.host} {candidate.port} ", f" {host} {port} "))
            await self._ice.add(candidate)
        self._ice.set_remote(section.ice_ufrag, section.ice_pwd, lite=False)
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._ice.connect()
                done = await self._dtls.handshake(_remote(section))
        except (ConnectionError, TimeoutError) as error:
            raise BenchFailed(f"a participant could not connect: {error!r}") from error
        path, keys = self._ice.path, self._dtls.keys
        if not done or path is None or keys is None:
            raise BenchFailed("the DTLS handshake failed")
        negotiated = Negotiated(
            video_in={VIDEO_TYPE: "VP8"},
            video_in_rtx={REPAIR_TYPE: VIDEO_TYPE},
            audio_in=AUDIO_TYPE,
            video_out=VIDEO_TYPE,
            video_out_codec="VP8",
            video_out_rtx=REPAIR_TYPE,
            audio_out=AUDIO_TYPE,
        )
        self._media = MediaSession(keys, negotiated, path, self._identity, self, self.clock, log, epoch_ns=0)
        self._sound.add(self._media.downlink)
        self._pictures.add(self._media.downlink)

    def send_sound(self, payload: bytes, time_ns: int) -> None:
        """An Opus packet; ``time_ns`` is when its first sample was, by the participant's clock."""
        self._sound.send(payload, time_ns, {})

    def send_frame(self, frame: EncodedFrame) -> None:
        self._pictures.write(frame)

    def _datagram(self, data: bytes) -> None:
        if self._media is not None:
            self._media.datagram(data)

    def tick(self, _: int) -> None:
        if self._media is not None:
            self._media.tick(self.clock.now_ns(), self._ice.path)

    def fail(self, reason: str) -> None:
        self._failed = reason

    def check(self) -> None:
        """Raises ``BenchFailed`` when the connection has been lost."""
        if self._failed:
            raise BenchFailed(f"a participant lost the connection: {self._failed}")

    def on_audio(self, packet: AudioPacket) -> None:
        self.on_sound(packet)

    def on_video(self, frame: ReceivedFrame) -> None:
        self.on_frame(frame)

    def on_sender_report(self, report: SenderReport) -> None:
        self.on_report(report)

    def on_keyframe_request(self) -> None:
        self.keyframes_wanted += 1

    def on_reception(self, reception: Reception) -> None:
        """What the server reports of us is not measured here."""

    def on_state(self, state: PeerState, reason: str) -> None:
        """Of a peer that answers; this one offers."""

    async def close(self) -> None:
        media, self._media = self._media, None
        if media is not None:
            media.close()
        if self._dtls is not None:
            await self._dtls.close()
        await self._ice.close()


AnyPeer = TypeVar("AnyPeer", bound=LightPeer)


def _remote(section: Section) -> RemoteTransport:
    return RemoteTransport(
        ice_ufrag=section.ice_ufrag or "",
        ice_pwd=section.ice_pwd or "",
        ice_lite=False,
        fingerprints=section.fingerprints,
        dtls_role="client" if section.setup == "passive" else "server",
        candidates=section.candidates,
        mid=section.mid,
        index=section.index,
    )


def _ignore(_: object) -> None:
    """What nobody wants to know."""


@asynccontextmanager
async def participant(
    url: str, room: str, name: str, *, clock: Clock | None = None, reroute: Reroute | None = None
) -> AsyncIterator[tuple[LightPeer, Signaling]]:
    """Somebody who has joined and is connected; gone at the end."""
    ticker = RtcTicker(SystemClock())
    ticker.start()
    try:
        async with joined(url, room, name, LightPeer(clock or SystemClock()), ticker, reroute=reroute) as both:
            yield both
    finally:
        await ticker.close()


@asynccontextmanager
async def joined(
    url: str,
    room: str,
    name: str,
    peer: AnyPeer,
    ticker: RtcTicker,
    *,
    reroute: Reroute | None = None,
    audio: bool = True,
    video: bool = True,
    on_event: OnEvent = _ignore,
) -> AsyncIterator[tuple[AnyPeer, Signaling]]:
    """The same for a peer of one's own, one of many that share a ticker. ``audio`` and ``video``: what it says of its
    microphone and camera.
    """
    socket = await Signaling.open(url, on_event, lambda: None)
    try:
        peer.joining_ns = time.monotonic_ns()
        peer.id = str((await socket.request("join", {"room": room, "name": name}))["participant"]["id"])
        await socket.request("media_state", {"audio": audio, "video": video, "screen": False})
        answer = await socket.request("offer", {"sdp": await peer.offer(), "connection": "main"})
        await peer.accept(str(answer["sdp"]), reroute)
        ticker.add(peer)
        yield peer, socket
        peer.check()
    except BadRequest as error:
        raise BenchFailed(f"the server's answer can't be used: {error}") from error
    finally:
        ticker.remove(peer)
        await peer.close()
        await socket.close()

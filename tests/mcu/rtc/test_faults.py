"""Each fault is sent, over real sockets, to a peer in front of a stock client; what it costs is asserted."""

import asyncio
import random
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
from aiortc import RTCSessionDescription

from mcu.clock import SystemClock
from mcu.errors import BadRequest
from mcu.rtc import Peer
from mcu.rtc.listener import OutgoingIdentity
from mcu.rtc.ticker import RtcTicker
from tests.kit import rtc
from tests.mcu.rtc.offers import CHROMIUM

ALERT = bytes.fromhex("15fefd0000000000000000000202" + "28")  # plaintext: fatal, handshake failure
CLOSE_NOTIFY = bytes.fromhex("15fefd00000000000000010002" + "0100")
CLIENT_HELLO = bytes.fromhex("16fefd0000000000000000" + "0036" + "0100002a0000000000" + "00002afefd") + bytes(37)


class Stranger:
    """A UDP socket that the peer has never heard of."""

    def __init__(self, answer: str) -> None:
        self._address = rtc.media_address(answer)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self._socket.sendto(datagram, self._address)

    def close(self) -> None:
        self._socket.close()


ROUNDS = 8
"""Times a fault is sent while a handshake is under way: not a flood, which would fill the kernel's buffer."""

Throw = Callable[[Stranger], None]


def empty(stranger: Stranger) -> None:
    stranger.send(b"", b"")


def handshake(stranger: Stranger) -> None:
    stranger.send(ALERT, CLIENT_HELLO, CLOSE_NOTIFY)


def media(stranger: Stranger) -> None:
    stranger.send(struct.pack("!BBHII", 0x80, 96, 1, 2, 3) + bytes(40), struct.pack("!BBHI", 0x80, 201, 1, 3))


def noise(stranger: Stranger) -> None:
    source = random.Random(5)
    stranger.send(*(bytes([first]) + source.randbytes(source.randrange(0, 80)) for first in range(256)))


def broken_stun(stranger: Stranger) -> None:
    for attribute in (0x0006, 0x0008, 0x0009, 0x0020, 0x0024, 0x0025, 0x8028, 0x802A):
        for length in (0, 1, 2, 3, 5, 200):
            body = struct.pack("!HH", attribute, length) + bytes(min(length, 8))
            stranger.send(struct.pack("!HHI", 1, len(body), 0x2112A442) + bytes(12) + body)
    stranger.send(struct.pack("!HHI", 1, 3000, 0x2112A442) + bytes(3012))


FAULTS: list[Throw] = [empty, handshake, media, noise, broken_stun]


async def moved_on(peer: Peer, listener: rtc.Listener) -> None:
    """Media still comes in, after everything that was sent before this call was read."""
    seen = listener.audio[-1].arrived_ns if listener.audio else 0
    await listener.until(lambda: listener.audio and listener.audio[-1].arrived_ns > seen)
    listener.video.clear()
    await listener.until(lambda: listener.video)
    assert peer.state == "connected"


@pytest.mark.parametrize("throw", FAULTS)
async def test_strangers_cannot_disturb_the_set_up(throw: Throw) -> None:
    async with rtc.running_peer() as (peer, listener):
        client = rtc.new_client()
        client.answer = await peer.answer(await rtc.make_offer(client))
        stranger = Stranger(client.answer)
        throw(stranger)
        connecting = asyncio.create_task(client.pc.setRemoteDescription(RTCSessionDescription(client.answer, "answer")))
        for _ in range(ROUNDS):
            throw(stranger)
            await asyncio.sleep(0.005)
        await connecting
        await listener.until_state("connected")
        await moved_on(peer, listener)
        dropped = peer.statistics.dropped
        assert dropped.foreign + dropped.unknown + dropped.stun > 0 or throw is broken_stun
        stranger.close()
        await client.close()


@pytest.mark.parametrize("throw", FAULTS)
async def test_strangers_cannot_disturb_a_connection(throw: Throw) -> None:
    async with rtc.running_peer() as (peer, listener):
        client = await rtc.connect(peer, listener)
        await listener.until(lambda: listener.audio)
        before = peer.statistics
        stranger = Stranger(client.answer)
        throw(stranger)
        await moved_on(peer, listener)
        after = peer.statistics
        assert after.faults == before.faults == 0
        assert after.receiver is not None
        assert after.receiver.unprotect_failures == 0
        stranger.close()
        await client.close()


async def send_joined(client: rtc.Client, *packets: bytes) -> None:
    """Plain packets under the keys of the joined client, as only it can send them."""
    session = client.dtls._tx_srtp
    for packet in packets:
        protect = session.protect_rtcp if 192 <= packet[1] <= 223 else session.protect
        await client.ice.send(protect(packet))


def rtp(ssrc: int, sequence: int, *, payload_type: int = 101, body: bytes = b"\x65" * 20, first: int = 0x80) -> bytes:
    return struct.pack("!BBHII", first, payload_type, sequence & 0xFFFF, 90_000, ssrc) + body


async def malformed_headers(client: rtc.Client) -> None:
    source = random.Random(7)
    for number in range(200):
        extension = struct.pack("!HH", 0xBEDE, 2) + source.randbytes(8)
        await send_joined(client, rtp(77, number, first=0x90, body=extension + source.randbytes(source.randrange(20))))
    await send_joined(
        client, rtp(77, 300, body=b"", first=0xA0), rtp(77, 301, body=b"\xff", first=0xA0), rtp(77, 302, body=b"")
    )


async def malformed_feedback(client: rtc.Client) -> None:
    def feedback(kind: int, form: int, body: bytes) -> bytes:
        return struct.pack("!BBHII", 0x80 | form, kind, 2 + len(body) // 4, 1, rtc.IDENTITY.video_ssrc) + body

    remb = b"REMB"
    await send_joined(
        client,
        feedback(206, 15, remb),
        feedback(206, 15, remb + b"\xff\xff\xff\xff"),
        feedback(206, 15, remb + b"\x05\xff\xff\xff" + bytes(4)),
        feedback(206, 15, b"XXXX" + bytes(8)),
        feedback(205, 1, b""),
        feedback(205, 1, b"\xff" * 1200),
        feedback(206, 4, b"\x00\x00"),
        struct.pack("!BBHI", 0x9F, 200, 0xFFFF, 1) + bytes(20),
        struct.pack("!BBHI", 0x9F, 201, 1, 1),
    )


async def many_sources(client: rtc.Client) -> None:
    for ssrc in range(2000, 2300):
        await send_joined(client, rtp(ssrc, 1))


async def sequence_jumps(client: rtc.Client) -> None:
    for number in range(300):
        await send_joined(client, rtp(78, number * 32_000))


async def oversized(client: rtc.Client) -> None:
    await client.ice.send(bytes([22]) + bytes(3000))
    await client.ice.send(bytes([0x80]) + bytes(3000))
    for _ in range(200):
        await client.ice.send(bytes([22]) + bytes(100))


@pytest.mark.parametrize("throw", [malformed_headers, malformed_feedback, many_sources, sequence_jumps, oversized])
async def test_a_joined_peer_pays_for_its_faults_alone(throw: Callable[[rtc.Client], Awaitable[None]]) -> None:
    async with rtc.running_peer() as (peer, listener):
        client = await rtc.connect(peer, listener)
        await moved_on(peer, listener)
        await throw(client)
        await moved_on(peer, listener)
        assert peer.statistics.faults == 0
        async with asyncio.timeout(rtc.PATIENCE_S):
            await peer.close()
        await client.close()


async def test_a_listener_that_throws_costs_one_packet() -> None:
    async with rtc.running_peer() as (peer, listener):
        client = await rtc.connect(peer, listener)
        await moved_on(peer, listener)
        taken = listener.on_audio

        def throw_once(packet: object) -> None:
            listener.on_audio = taken  # type: ignore[method-assign]  # only for this test
            raise KeyError("listener")

        listener.on_audio = throw_once  # type: ignore[method-assign]  # only for this test
        await moved_on(peer, listener)
        assert peer.statistics.faults == 1
        await client.close()


class Victims:
    """Sixty addresses that somebody else chose. ``hit`` holds the numbers of those that were sent to."""

    def __init__(self, enough: int) -> None:
        self.hit: set[int] = set()
        self.enough = asyncio.Event()
        self._wanted = enough
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(60)]
        for number, sock in enumerate(self._sockets):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            asyncio.get_running_loop().add_reader(sock, self._read, number)
        self.candidates = [
            f"candidate:{number} 1 udp {1000 - number} 127.0.0.1 {sock.getsockname()[1]} typ host"
            for number, sock in enumerate(self._sockets)
        ]

    def _read(self, number: int) -> None:
        self._sockets[number].recv(2048)
        self.hit.add(number)
        if len(self.hit) >= self._wanted:
            self.enough.set()

    def close(self) -> None:
        for sock in self._sockets:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()


async def test_a_flood_of_candidates_reaches_few_addresses() -> None:
    limit = rtc.LOOPBACK.max_candidates
    victims = Victims(limit)
    offered, trickled = victims.candidates[:40], victims.candidates[40:]
    async with rtc.running_peer() as (peer, _):
        await peer.answer(CHROMIUM.replace("a=mid:0\n", "a=mid:0\n" + "".join(f"a={line}\n" for line in offered)))
        for line in trickled:
            await peer.add_candidate(line, "0", 0)
        async with asyncio.timeout(rtc.PATIENCE_S):
            await victims.enough.wait()
        assert peer.statistics.candidates_refused == len(trickled)
    assert len(victims.hit) == limit
    victims.close()


def mutated(offer: str, source: random.Random) -> str:
    lines = offer.split("\r\n")
    for _ in range(source.randrange(1, 5)):
        at = source.randrange(len(lines))
        match source.randrange(6):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[source.randrange(len(lines))])
            case 2:
                lines[at] = lines[at][: source.randrange(len(lines[at]) + 1)]
            case 3:
                text = list(lines[at] or "a")
                text[source.randrange(len(text))] = chr(source.choice((0, 32, 47, 58, 0x661, 0x2028, 0xD800, 0x1F600)))
                lines[at] = "".join(text)
            case 4:
                lines[at] = lines[at].replace("1", str(source.randrange(10**6)))
            case _:
                lines[at] = lines[at][:3] + "9" * source.randrange(1, 5000)
        lines = lines or ["v=0"]
    return "\r\n".join(lines)


async def test_damaged_offers_end_in_an_answer_or_a_bad_request_and_leave_nothing() -> None:
    client = rtc.new_client()
    offer = await rtc.make_offer(client)
    source = random.Random(2026)
    async with rtc.running_ticker() as ticker:
        await asyncio.sleep(0)
        before = rtc.Footprint.take()
        answered = 0
        for _ in range(250):
            answered += await survives(mutated(offer, source), ticker)
        assert rtc.Footprint.take() == before
        assert 0 < answered < 250
        assert len(ticker) == 0
    await client.close()


async def survives(offer: str, ticker: RtcTicker) -> bool:
    """Whether it was answered; anything but an answer or a ``BadRequest`` is raised."""
    peer = Peer(rtc.LOOPBACK, OutgoingIdentity(1, 2, 3, "room"), rtc.Listener(), SystemClock(), "fuzz", ticker=ticker)
    try:
        answer = await peer.answer(offer)
    except BadRequest as error:
        return error.error_code not in ("bad_sdp", "no_common_codec")
    finally:
        await peer.close()
    return answer.isascii()

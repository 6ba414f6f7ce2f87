"""Media over the addresses that the settings choose: IPv6, an interface by its name, and through a NAT."""

import asyncio
import contextlib
import socket
from dataclasses import replace

import av
import pytest
from aiortc import RTCSessionDescription

from mcu.clock import SystemClock
from mcu.network import RtcSettings
from mcu.rtc import Peer
from mcu.rtc.sender import AudioFanout
from tests.kit import rtc

OUTSIDE = "127.0.0.2"
PORTS = (23_500, 23_900)
SILENCE = b"\xf8\xff\xfe"


async def connect(peer: Peer, address: str) -> rtc.Client:
    """A client on that address alone; both say that they are connected."""
    client = rtc.new_client(address=address)
    client.answer = await peer.answer(await rtc.make_offer(client))
    await client.pc.setRemoteDescription(RTCSessionDescription(client.answer, "answer"))
    async with asyncio.timeout(rtc.PATIENCE_S):
        await client.connected.wait()
    return client


async def media_goes_both_ways(peer: Peer, listener: rtc.Listener, client: rtc.Client) -> None:
    await listener.until(lambda: listener.video and listener.audio)
    assert peer.downlink is not None
    fanout = AudioFanout(rtc.IDENTITY)
    fanout.add(peer.downlink)
    heard = asyncio.create_task(client.tracks["audio"].recv())
    async with asyncio.timeout(rtc.PATIENCE_S):
        while not heard.done():
            fanout.send(SILENCE, SystemClock().now_ns(), {})
            await asyncio.wait([heard], timeout=0.02)
    assert isinstance(await heard, av.AudioFrame)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (replace(rtc.LOOPBACK, host_addresses=("::1",)), "::1"),
        (replace(rtc.LOOPBACK, host_addresses=("127.0.0.1", "::1")), "::1"),
        (replace(rtc.LOOPBACK, host_addresses=None, interfaces=("lo",)), "127.0.0.1"),
        (replace(rtc.LOOPBACK, host_addresses=("::1",), port_range=PORTS), "::1"),
    ],
)
async def test_media_goes_over_the_chosen_addresses(settings: RtcSettings, address: str) -> None:
    async with rtc.running_peer(settings) as (peer, listener):
        client = await connect(peer, address)
        await media_goes_both_ways(peer, listener, client)
        found = {line.split()[4] for line in client.answer.splitlines() if line.startswith("a=candidate:")}
        assert found <= {"127.0.0.1", "::1"}
        assert address in found
        if settings.port_range is not None:
            assert PORTS[0] <= rtc.media_address(client.answer)[1] <= PORTS[1]
        await client.close()


class Nat:
    """One-to-one: what comes to the outer address goes to the inner one, and what that answers back again.

    Each stranger outside has a socket of their own inside, by which the answer is known to be theirs.
    """

    def __init__(self, outer: tuple[str, int], inner: tuple[str, int]) -> None:
        self.passed = 0
        self._inner = inner
        self._inside: dict[tuple[str, int], socket.socket] = {}
        self._outer = self._socket()
        self._outer.bind(outer)
        asyncio.get_running_loop().add_reader(self._outer, self._inwards)

    def close(self) -> None:
        for one in (self._outer, *self._inside.values()):
            asyncio.get_running_loop().remove_reader(one)
            one.close()

    def _socket(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        return made

    def _inwards(self) -> None:
        data, stranger = self._outer.recvfrom(2048)
        if stranger not in self._inside:
            inside = self._inside[stranger] = self._socket()
            inside.connect(self._inner)
            asyncio.get_running_loop().add_reader(inside, self._outwards, inside, stranger)
        self.passed += 1
        with contextlib.suppress(ConnectionRefusedError):  # the peer's socket has closed
            self._inside[stranger].send(data)

    def _outwards(self, inside: socket.socket, stranger: tuple[str, int]) -> None:
        with contextlib.suppress(ConnectionRefusedError):
            self._outer.sendto(inside.recv(2048), stranger)


async def test_a_client_outside_comes_in_by_the_announced_address() -> None:
    settings = replace(rtc.LOOPBACK, announced_address=OUTSIDE)
    async with rtc.running_peer(settings) as (peer, listener):
        client = rtc.new_client(address=OUTSIDE)
        # It knows the way in only: its own address is behind a NAT as well.
        offer = "\r\n".join(line for line in (await rtc.make_offer(client)).split("\r\n") if "candidate" not in line)
        client.answer = await peer.answer(offer)
        host, port = rtc.media_address(client.answer)
        assert host == OUTSIDE
        nat = Nat((OUTSIDE, port), ("127.0.0.1", port))
        try:
            await client.pc.setRemoteDescription(RTCSessionDescription(client.answer, "answer"))
            async with asyncio.timeout(rtc.PATIENCE_S):
                await client.connected.wait()
            await media_goes_both_ways(peer, listener, client)
            assert nat.passed > 0
        finally:
            nat.close()
            await client.close()

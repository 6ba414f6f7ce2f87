"""A peer and a stock aiortc client, over real sockets: what the owner of the peer meets."""

import asyncio
from dataclasses import replace

import aioice
import av
import pytest
import uvloop
from aioice.ice import CandidatePair
from aiortc import RTCSessionDescription

from mcu.clock import NS_PER_S, SystemClock
from mcu.errors import BadRequest, Conflict, Internal
from mcu.frames import EncodedFrame
from mcu.network import RtcSettings
from mcu.rtc import Peer
from mcu.rtc.binding import IceAgent
from mcu.rtc.sender import AudioFanout, VideoFanout
from tests.kit import rtc
from tests.mcu.rtc.offers import CHROMIUM

CANDIDATE = "candidate:1 1 udp 2130706431 {} {} typ host"
VP8_KEYFRAME = bytes.fromhex("5000009d012aa00078000047080585858899")


class ManualClock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = SystemClock().now_ns()

    def now_ns(self) -> int:
        return self.now

    def wall_ns(self) -> int:
        return SystemClock().wall_ns()


async def test_media_flows_in_with_times_and_levels() -> None:
    async with rtc.running_peer() as (peer, listener):
        client = await rtc.connect(peer, listener)
        await listener.until(lambda: len(listener.video) > 2 and len(listener.audio) > 2 and listener.reports)
        assert listener.video[0].keyframe
        assert listener.video[0].codec == "H264"
        assert listener.audio[0].payload
        assert listener.audio[0].level_dbov == 127
        assert peer.last_packet_ns == peer.statistics.last_packet_ns
        assert listener.states == [("connecting", "offer_answered"), ("connected", "dtls_finished")]
        await client.close()


async def test_media_flows_out_and_its_reception_comes_back() -> None:
    settings = replace(rtc.LOOPBACK, codecs=("VP8", "H264"))
    async with rtc.running_peer(settings) as (peer, listener):
        client = await rtc.connect(peer, listener)
        downlink = peer.downlink
        assert downlink is not None
        video, audio = VideoFanout(rtc.IDENTITY, "VP8", SystemClock()), AudioFanout(rtc.IDENTITY)
        video.add(downlink)
        audio.add(downlink)
        heard = asyncio.create_task(client.tracks["audio"].recv())
        while not heard.done():
            now_ns = SystemClock().now_ns()
            video.write(EncodedFrame("VP8", VP8_KEYFRAME, True, now_ns, 160, 120))
            audio.send(b"\xf8\xff\xfe", now_ns, {})
            await asyncio.wait([heard], timeout=0.02)
        assert isinstance(await heard, av.AudioFrame)
        await listener.until(lambda: any(one.kind == "video" for one in listener.receptions))
        await client.close()


async def test_a_viewer_and_a_publisher() -> None:
    for direction, sends in (("recvonly", False), ("sendonly", True)):
        async with rtc.running_peer() as (peer, listener):
            client = rtc.new_client()
            for transceiver in client.pc.getTransceivers():
                transceiver.direction = direction
            client.answer = await peer.answer(await rtc.make_offer(client))
            await client.pc.setRemoteDescription(RTCSessionDescription(client.answer, "answer"))
            await listener.until_state("connected")
            assert peer.downlink is not None
            assert (peer.downlink.video is None) is sends
            if sends:
                await listener.until(lambda: listener.video)
            await client.close()


async def test_leaving_is_noticed_at_once() -> None:
    async with rtc.running_peer() as (peer, listener):
        client = await rtc.connect(peer, listener)
        await client.close()
        assert await listener.until_state("failed") == "closed_by_remote"
        assert peer.downlink is None
        await peer.close()
        assert [state for state, _ in listener.states] == ["connecting", "connected", "failed", "closed"]


async def test_vanishing_is_noticed_by_silence_and_by_consent() -> None:
    settings = replace(rtc.LOOPBACK, consent_interval_s=0.05, consent_failures=2)
    async with rtc.running_peer(settings) as (peer, listener):
        client = await rtc.connect(peer, listener)
        await listener.until(lambda: listener.audio)
        client.vanish()
        assert await listener.until_state("failed") == "consent_lost"
        last = peer.last_packet_ns
        assert last is not None
        assert peer.statistics.last_packet_ns == last < SystemClock().now_ns() - NS_PER_S // 10
        await client.close()


async def test_a_client_that_never_comes_times_out() -> None:
    clock = ManualClock()
    async with rtc.running_peer(clock=clock) as (peer, listener):
        client = rtc.new_client()
        await peer.answer(await rtc.make_offer(client))
        clock.now += 19 * NS_PER_S
        peer.tick(clock.now_ns())
        assert peer.state == "connecting"
        clock.now += NS_PER_S
        assert await listener.until_state("failed") == "connect_timeout"
        await client.close()


async def test_a_certificate_that_was_not_signalled_fails() -> None:
    async with rtc.running_peer() as (peer, listener):
        client = rtc.new_client()
        offer = await rtc.make_offer(client)
        lines = [line for line in offer.split("\r\n") if "a=fingerprint:sha-384" not in line and "sha-512" not in line]
        forged = "\r\n".join(
            line[:-2] + ("00" if line[-2:] != "00" else "11") if line.startswith("a=fingerprint") else line
            for line in lines
        )
        answer = await peer.answer(forged)
        await client.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        assert await listener.until_state("failed") == "dtls_failed"
        assert peer.downlink is None
        await client.close()


@pytest.mark.parametrize("server", [True, False])
async def test_both_dtls_roles_and_as_server_the_fast_cipher(server: bool) -> None:
    async with rtc.running_peer(replace(rtc.LOOPBACK, dtls_server=server)) as (peer, listener):
        client = await rtc.connect(peer, listener)
        await listener.until(lambda: listener.video and listener.audio)
        assert client.dtls._role == ("client" if server else "server")
        if server:
            assert client.dtls._ssl.get_selected_srtp_profile() == b"SRTP_AEAD_AES_128_GCM"
        await client.close()


async def test_the_path_is_followed_when_ice_chooses_another() -> None:
    async with rtc.running_peer() as (peer, listener):
        client = await rtc.connect(peer, listener)
        former = client.ice._nominated[1]
        protocol = await another_protocol(client)
        pair = CandidatePair(protocol, former.remote_candidate)
        password = client.ice.remote_password.encode()
        await protocol.request(client.ice.build_request(pair, nominate=True), pair.remote_addr, integrity_key=password)
        arrived = asyncio.Event()
        client.ice.data_received = lambda data, component: arrived.set()
        former.protocol.datagram_received = lambda data, addr: None
        async with asyncio.timeout(rtc.PATIENCE_S):
            await arrived.wait()
        protocol.transport.close()
        await client.close()


async def another_protocol(client: rtc.Client) -> aioice.ice.StunProtocol:
    """A second socket of the client, as after a change of network."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_datagram_endpoint(
        lambda: aioice.ice.StunProtocol(client.ice), local_addr=("127.0.0.1", 0)
    )
    host, port = protocol.transport.get_extra_info("sockname")
    protocol.local_candidate = aioice.Candidate("x", 1, "udp", 1, host, port, "host")
    return protocol


async def test_candidates_may_come_before_and_after_the_offer() -> None:
    async with rtc.running_peer() as (peer, listener):
        client = rtc.new_client()
        offer = await rtc.make_offer(client)
        host, port = rtc.media_address(offer)
        bare = "\r\n".join(line for line in offer.split("\r\n") if "candidate" not in line)
        await peer.add_candidate("candidate:9 1 udp 1 0a1b.local 9 typ host", "0", 0)
        await peer.add_candidate(CANDIDATE.format(host, port), "0", 0)
        client.answer = await peer.answer(bare)
        await peer.add_candidate(None)
        # The client never checks by itself: it was told of no address of ours.
        quiet = "\r\n".join(line for line in client.answer.split("\r\n") if not line.startswith("a=candidate"))
        await client.pc.setRemoteDescription(RTCSessionDescription(quiet, "answer"))
        await listener.until_state("connected")
        assert peer.statistics.candidates_refused == 1
        await client.close()


async def test_what_is_no_candidate_is_a_bad_request() -> None:
    async with rtc.running_peer() as (peer, _):
        with pytest.raises(BadRequest) as caught:
            await peer.add_candidate("nonsense", "0", 0)
        assert caught.value.error_code == "bad_candidate"
        for port in range(1, 31):
            await peer.add_candidate(CANDIDATE.format("127.0.0.1", port), "0", 0)
        assert peer.statistics.candidates_refused == 10


async def test_an_offer_is_taken_once_and_a_bad_one_leaves_nothing() -> None:
    async with rtc.running_peer() as (peer, listener):
        before = rtc.Footprint.take()
        with pytest.raises(BadRequest):
            await peer.answer("v=0")
        assert rtc.Footprint.take() == before
        assert listener.states == []
        await peer.answer(CHROMIUM)
        with pytest.raises(Conflict):
            await peer.answer(CHROMIUM)


async def test_an_address_that_is_not_ours_is_an_internal_error() -> None:
    async with rtc.running_peer(RtcSettings(host_addresses=("203.0.113.1",))) as (peer, listener):
        with pytest.raises(Internal):
            await peer.answer(CHROMIUM)
        assert peer.state == "closed"
        assert [state for state, _ in listener.states] == ["closed"]


async def test_ports_and_addresses_follow_the_settings() -> None:
    settings = replace(rtc.LOOPBACK, port_range=(23000, 23400), announced_address="203.0.113.9")
    async with rtc.running_peer(settings) as (peer, _):
        host, port = rtc.media_address(await peer.answer(CHROMIUM))
        assert host == "203.0.113.9"
        assert 23000 <= port <= 23400


class TestClose:
    """In every state, at once and twice; bounded by the time-out of each wait."""

    async def assert_closes(self, peer: Peer) -> None:
        async with asyncio.timeout(rtc.PATIENCE_S):
            await asyncio.gather(peer.close(), peer.close())
            await peer.close()
        assert peer.state == "closed"

    async def test_new(self) -> None:
        async with rtc.running_peer() as (peer, listener):
            await self.assert_closes(peer)
            assert listener.states == [("closed", "closed")]
            with pytest.raises(Conflict):
                await peer.answer(CHROMIUM)

    async def test_gathering(self) -> None:
        async with rtc.running_peer() as (peer, listener):
            before = rtc.Footprint.take()
            answering = asyncio.create_task(peer.answer(CHROMIUM))
            await asyncio.sleep(0)
            await self.assert_closes(peer)
            with pytest.raises(Conflict):
                await answering
            del answering
            assert rtc.Footprint.take() == before
            assert [state for state, _ in listener.states] == ["closed"]

    async def test_cancelled_while_gathering(self) -> None:
        async with rtc.running_peer() as (peer, _):
            before = rtc.Footprint.take()
            answering = asyncio.create_task(peer.answer(CHROMIUM))
            await asyncio.sleep(0)
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            del answering
            assert peer.state == "closed"
            assert rtc.Footprint.take() == before

    async def test_connecting(self) -> None:
        async with rtc.running_peer() as (peer, listener):
            before = rtc.Footprint.take()
            await peer.answer(CHROMIUM + "a=" + CANDIDATE.format("127.0.0.1", 9))
            await self.assert_closes(peer)
            assert rtc.Footprint.take() == before
            assert [state for state, _ in listener.states] == ["connecting", "closed"]

    async def test_in_the_middle_of_the_handshake(self) -> None:
        async with rtc.running_peer() as (peer, listener):
            client = rtc.new_client()
            client.answer = await peer.answer(await rtc.make_offer(client))
            reached = asyncio.Event()

            async def silent() -> bytes:
                reached.set()
                await asyncio.Event().wait()
                return b""

            client.dtls.transport._recv = silent
            await client.pc.setRemoteDescription(RTCSessionDescription(client.answer, "answer"))
            async with asyncio.timeout(rtc.PATIENCE_S):
                await reached.wait()
            await self.assert_closes(peer)
            assert [state for state, _ in listener.states] == ["connecting", "closed"]
            await client.close()

    async def test_connected(self) -> None:
        async with rtc.running_peer() as (peer, listener):
            client = await rtc.connect(peer, listener)
            await listener.until(lambda: listener.video)
            await self.assert_closes(peer)
            assert peer.downlink is None
            assert peer.statistics.receiver is not None
            await client.close()

    async def test_failed(self) -> None:
        async with rtc.running_peer() as (peer, listener):
            client = await rtc.connect(peer, listener)
            peer.fail("consent_lost")
            await self.assert_closes(peer)
            assert [state for state, _ in listener.states][-2:] == ["failed", "closed"]
            await client.close()

    async def test_bounded_where_the_ice_agent_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def hang(agent: IceAgent) -> None:
            await asyncio.Event().wait()

        async with rtc.running_peer() as (peer, _):
            before = rtc.Footprint.take()
            await peer.answer(CHROMIUM)
            monkeypatch.setattr(IceAgent, "close", hang)
            monkeypatch.setattr("mcu.rtc.peer.CLOSE_TIMEOUT_S", 0.05)
            await self.assert_closes(peer)
            await asyncio.sleep(0)
            assert rtc.Footprint.take() == before


async def test_twenty_came_and_went_and_left_nothing() -> None:
    async def come_and_go() -> None:
        async with rtc.running_peer() as (peer, listener):
            client = await rtc.connect(peer, listener)
            await peer.close()
            await client.close()

    await come_and_go()
    before = rtc.Footprint.take()
    for _ in range(20):
        await come_and_go()
    assert rtc.Footprint.take() == before


def test_under_uvloop() -> None:
    async def scenario() -> None:
        async with rtc.running_peer() as (peer, listener):
            client = await rtc.connect(peer, listener)
            await listener.until(lambda: listener.video and listener.audio)
            await peer.close()
            await client.close()

    uvloop.run(scenario())

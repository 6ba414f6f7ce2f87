"""Data channels against stock aiortc: they open, and what is said on them disturbs nothing."""

import asyncio

from aiortc import RTCSessionDescription

from tests.kit import rtc


async def test_a_channel_opens_beside_the_media() -> None:
    async with rtc.running_peer() as (peer, listener):
        client = rtc.new_client()
        channel = client.pc.createDataChannel("chat")
        opened = asyncio.Event()
        channel.on("open", opened.set)
        client.answer = await peer.answer(await rtc.make_offer(client))
        await client.pc.setRemoteDescription(RTCSessionDescription(client.answer, "answer"))
        async with asyncio.timeout(rtc.PATIENCE_S):
            await opened.wait()
        for _ in range(20):
            channel.send(16_000 * "x")
        seen = len(listener.audio)
        await listener.until(lambda: len(listener.audio) > seen)
        assert peer.state == "connected"
        await client.close()


async def test_a_connection_with_a_channel_closes_whole() -> None:
    async with rtc.running_peer() as (peer, listener):
        client = rtc.new_client()
        client.pc.createDataChannel("chat")
        client.answer = await peer.answer(await rtc.make_offer(client))
        await client.pc.setRemoteDescription(RTCSessionDescription(client.answer, "answer"))
        await listener.until_state("connected")
        await peer.close()
        assert peer.state == "closed"
        await client.close()

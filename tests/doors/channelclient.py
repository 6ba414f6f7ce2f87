"""Somebody with a data channel, on stock aiortc: beside a microphone, or alone on a connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiortc import RTCDataChannel, RTCSessionDescription

from tests.kit import rtc

Answer = Callable[[str], Awaitable[str]]
"""From an offer to its answer, whatever door it goes through."""


class ChannelClient:
    """``heard`` keeps what the server says on the channel."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        self.closed = asyncio.Event()
        self._heard: asyncio.Queue[str | bytes] = asyncio.Queue(1000)
        channel.on("message", self._heard.put_nowait)
        channel.on("close", self.closed.set)

    async def heard(self) -> str | bytes:
        async with asyncio.timeout(rtc.PATIENCE_S):
            return await self._heard.get()

    async def until_closed(self) -> None:
        async with asyncio.timeout(rtc.PATIENCE_S):
            await self.closed.wait()


@asynccontextmanager
async def a_channel(
    answer: Answer, label: str = "chat", protocol: str = "", *, media: bool = True
) -> AsyncIterator[ChannelClient]:
    """A connection whose channel is open; without ``media`` it has nothing else."""
    client = rtc.new_client(audio=media, video=False)
    channel = client.pc.createDataChannel(label, protocol=protocol)
    opened = asyncio.Event()
    channel.on("open", opened.set)
    try:
        sdp = await answer(await rtc.make_offer(client))
        await client.pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        async with asyncio.timeout(rtc.PATIENCE_S):
            await opened.wait()
        yield ChannelClient(channel)
    finally:
        await client.close()

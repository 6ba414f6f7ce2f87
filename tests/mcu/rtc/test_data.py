"""Data channels against stock aiortc: they open, what is said on them is heard, and what is too much is bounded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiortc import RTCDataChannel, RTCSessionDescription
from aiortc.rtcsctptransport import DataChunk, tsn_plus_one

from mcu.clock import SystemClock
from mcu.rtc.binding import data as data_link
from mcu.rtc.binding.data import MAX_BACKLOG_BYTES, MAX_CHANNELS, MESSAGES_BURST
from mcu.rtc.channels import MAX_WORDS_BYTES, ChannelNews
from mcu.rtc.peer import Peer
from tests.kit import rtc


@dataclass
class Both:
    """A peer that listens to its channels, and a client with one, which is open."""

    peer: Peer
    listener: rtc.Listener
    client: rtc.Client
    channel: RTCDataChannel
    news: list[ChannelNews] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, news: ChannelNews) -> None:
        self.news.append(news)
        self._came.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(rtc.PATIENCE_S):
            while not condition():
                self._came.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._came.wait(), 0.05)

    async def media_goes_on(self) -> None:
        seen = self.listener.audio[-1] if self.listener.audio else None
        await self.listener.until(lambda: self.listener.audio and self.listener.audio[-1] is not seen)
        assert self.peer.state == "connected"

    @property
    def said(self) -> list[str | bytes | None]:
        return [one.words for one in self.news if one.state == "said"]


@contextlib.asynccontextmanager
async def connected(label: str = "chat") -> AsyncIterator[Both]:
    async with rtc.running_ticker() as ticker:
        listener, client = rtc.Listener(), rtc.new_client(video=False)
        channel = client.pc.createDataChannel(label, protocol="p")
        found: list[Both] = []
        peer = Peer(
            rtc.LOOPBACK, rtc.IDENTITY, listener, SystemClock(), "test", ticker=ticker,
            on_channel=lambda news: found[0].hear(news),
        )  # fmt: skip
        both = Both(peer, listener, client, channel)
        found.append(both)
        try:
            client.answer = await peer.answer(await rtc.make_offer(client))
            await client.pc.setRemoteDescription(RTCSessionDescription(client.answer, "answer"))
            await both.until(lambda: channel.readyState == "open" and both.news)
            yield both
        finally:
            await client.close()
            await peer.close()


async def test_what_is_said_is_heard_both_ways() -> None:
    async with connected() as both:
        opened = both.news[0]
        assert (opened.state, opened.label, opened.protocol) == ("open", "chat", "p")
        heard: list[str | bytes] = []
        both.channel.on("message", heard.append)
        for words in ("안녕", b"\x00\xff", MAX_WORDS_BYTES * "x"):
            both.channel.send(words)
        both.channel.send(MAX_WORDS_BYTES * "é")
        await both.until(lambda: len(both.said) == 4)
        assert both.said == ["안녕", b"\x00\xff", MAX_WORDS_BYTES * "x", None]
        assert both.peer.data is not None
        both.peer.data.say(opened.number, "hello")
        both.peer.data.say(opened.number, b"\x01")
        both.peer.data.say(opened.number + 1, "nobody is there")
        await both.until(lambda: heard == ["hello", b"\x01"])
        await both.media_goes_on()


async def test_either_side_closes_a_channel() -> None:
    async with connected() as both:
        assert both.peer.data is not None
        both.peer.data.hang_up(both.news[0].number)
        await both.until(lambda: both.channel.readyState == "closed")
        again = both.client.pc.createDataChannel("chat")
        await both.until(lambda: again.readyState == "open")
        again.close()
        await both.until(lambda: [one.state for one in both.news].count("closed") == 2)


async def test_a_flood_closes_its_channel() -> None:
    async with connected() as both:
        for _ in range(2 * MESSAGES_BURST):
            both.channel.send("x")
        await both.until(lambda: both.channel.readyState == "closed")
        assert len(both.said) < 2 * MESSAGES_BURST
        await both.media_goes_on()


async def test_who_does_not_read_loses_the_channel() -> None:
    async with connected() as both:
        assert both.client.pc.sctp is not None
        both.client.pc.sctp._advertised_rwnd = 0

        async def deaf(_: bytes) -> None:
            """Nothing is acknowledged any more."""

        both.client.pc.sctp._handle_data = deaf  # type: ignore[assignment,method-assign]  # what a stalled page's stack does
        data, number = both.peer.data, both.news[0].number
        assert data is not None
        for _ in range(2 * MAX_BACKLOG_BYTES // 8000):
            data.say(number, 8000 * "x")
        assert data._data_channels[number].readyState == "closing"
        assert data._data_channels[number].bufferedAmount <= MAX_BACKLOG_BYTES
        await both.media_goes_on()


async def test_pieces_that_never_become_a_message_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_link, "MAX_FRAGMENTS", 32)
    async with connected() as both:
        sctp, data = both.client.pc.sctp, both.peer.data
        assert sctp is not None
        assert data is not None
        for _ in range(3 * 32):
            piece = DataChunk(flags=2)  # begins a message, and none ends it
            piece.tsn, piece.stream_id, piece.protocol, piece.user_data = sctp._local_tsn, 1, 51, b"x"
            sctp._local_tsn = tsn_plus_one(sctp._local_tsn)
            await sctp._send_chunk(piece)
        await both.media_goes_on()
        kept = sum(len(stream.reassembly) for stream in data._inbound_streams.values())
        assert 0 < kept <= 33


async def test_channels_are_bounded() -> None:
    async with connected() as both:
        for _ in range(3 * MAX_CHANNELS):
            both.client.pc.createDataChannel("chat")
        await both.until(lambda: len(both.news) >= MAX_CHANNELS)
        await both.media_goes_on()
        assert both.peer.data is not None
        assert len(both.peer.data._data_channels) <= 2 * MAX_CHANNELS


async def test_a_connection_without_media_takes_channels_alone() -> None:
    async with rtc.running_ticker() as ticker:
        peer = Peer(rtc.LOOPBACK, rtc.IDENTITY, rtc.Listener(), SystemClock(), "test", ticker=ticker, media=False)
        client = rtc.new_client(video=False)
        client.pc.createDataChannel("chat")
        answer = await peer.answer(await rtc.make_offer(client))
        assert "m=audio 0 " in answer
        assert "m=application 9 " in answer
        await client.close()
        await peer.close()


async def test_a_connection_with_a_channel_closes_whole() -> None:
    async with connected() as both:
        await both.peer.close()
        assert both.peer.state == "closed"
        assert both.peer.data is not None
        both.peer.data.say(both.news[0].number, "nobody is there")

"""Data channels: SCTP on a connection's DTLS (RFC 8831), with bounds.

Channels are opened by the remote side only. What is said on them goes to whoever owns the connection; where nobody
listens they are there all the same, because clients take the refusal of a channel for the end of the call.
"""

from collections.abc import Callable

import structlog
from aiortc import RTCDataChannel, RTCSctpCapabilities, RTCSctpTransport

from mcu.clock import Clock
from mcu.flood import Bucket
from mcu.rtc.agreement import MAX_DATA_BYTES, SCTP_PORT
from mcu.rtc.binding.dtls import DtlsLink
from mcu.rtc.channels import MAX_WORDS_BYTES, ChannelNews, ChannelState

log = structlog.get_logger()

MAX_CHANNELS = 16
MAX_NAME_CHARS = 128
"""Of a channel's label, and of its protocol."""

PACKETS_PER_S = 200.0
PACKETS_BURST = 400
MESSAGES_PER_S = 20.0
MESSAGES_BURST = 40
"""On all channels together. A flood closes the channel that it comes on."""

MAX_BACKLOG_BYTES = 128 * 1024
"""What may wait for a remote side that doesn't read; one that is further behind loses its channel."""

WINDOW_BYTES = 256 * 1024
MAX_FRAGMENTS = 512
"""Pieces of messages that aren't whole yet: aiortc counts their octets only, and an object costs more than those."""

MAX_OUT_OF_ORDER = 256
"""Packets that came after one that never did."""


class DataLink(RTCSctpTransport):
    """Takes the channels that the remote side opens. A remote side that breaks a bound isn't listened to any more; its
    media goes on. ``on_news`` is called on the event loop and must return at once.
    """

    def __init__(self, dtls: DtlsLink, clock: Clock, on_news: Callable[[ChannelNews], None] | None = None) -> None:
        super().__init__(dtls, port=SCTP_PORT)
        self._advertised_rwnd = WINDOW_BYTES
        self._packets = Bucket(PACKETS_PER_S, PACKETS_BURST, clock)
        self._messages = Bucket(MESSAGES_PER_S, MESSAGES_BURST, clock)
        self._on_news = on_news
        self._deaf = False
        self.on("datachannel", self._opened)

    async def open(self, remote_port: int) -> None:
        """After the handshake. Returns at once; the association comes about by itself."""
        await self.start(RTCSctpCapabilities(maxMessageSize=MAX_DATA_BYTES), remote_port)

    def say(self, number: int, words: str | bytes) -> None:
        """On a channel that is open; nothing is said on others. A remote side that doesn't read loses the channel."""
        channel = self._data_channels.get(number)
        if channel is None or channel.readyState != "open":
            return
        size = len(words.encode()) if isinstance(words, str) else len(words)
        if channel.bufferedAmount + size > MAX_BACKLOG_BYTES:
            log.info("channel_not_read", label=channel.label)
            channel.close()
        else:
            channel.send(words)

    def hang_up(self, number: int) -> None:
        """Closes a channel. Idempotent."""
        channel = self._data_channels.get(number)
        if channel is not None:
            channel.close()

    async def close(self) -> None:
        """Before the DTLS goes. Idempotent."""
        self._on_news = None
        await self.stop()
        self.remove_all_listeners()

    def _opened(self, channel: RTCDataChannel) -> None:
        number = channel.id
        if number is None or len(channel.label) > MAX_NAME_CHARS or len(channel.protocol) > MAX_NAME_CHARS:
            channel.close()
            return
        channel.on("message", lambda words: self._said(channel, number, words))
        channel.on("close", lambda: self._tell(channel, number, "closed"))
        self._tell(channel, number, "open")

    def _said(self, channel: RTCDataChannel, number: int, words: str | bytes) -> None:
        if channel.readyState != "open":
            return
        if not self._messages.take():
            log.info("channel_flooded", label=channel.label)
            channel.close()
            return
        fits = len(words) <= MAX_WORDS_BYTES and (isinstance(words, bytes) or len(words.encode()) <= MAX_WORDS_BYTES)
        self._tell(channel, number, "said", words if fits else None)

    def _tell(
        self, channel: RTCDataChannel, number: int, state: ChannelState, words: str | bytes | None = None
    ) -> None:
        if self._on_news is not None:
            self._on_news(ChannelNews(number, state, channel.label, channel.protocol, words))

    async def _handle_data(self, data: bytes) -> None:
        # aiortc tells the remote side how much more it would take, but keeps whatever comes.
        if self._deaf or not self._packets.take():
            return
        if not self._within_bounds:
            self._deaf = True
            log.warning("data_refused", channels=len(self._data_channels))
            return
        try:
            await super()._handle_data(data)
        except ConnectionError:
            raise
        except Exception as error:  # the boundary to aiortc, whose assertions a remote side can reach
            self._deaf = True
            log.warning("data_refused", error=repr(error))

    @property
    def _within_bounds(self) -> bool:
        fragments = sum(len(stream.reassembly) for stream in self._inbound_streams.values())
        return (
            self._advertised_rwnd > 0
            and len(self._data_channels) <= MAX_CHANNELS
            and len(self._inbound_streams) <= 4 * MAX_CHANNELS
            and fragments <= MAX_FRAGMENTS
            and len(self._sack_misordered) <= MAX_OUT_OF_ORDER
        )

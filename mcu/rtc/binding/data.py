"""Data channels: SCTP on a connection's DTLS (RFC 8831), with bounds.

What is said on them is nobody's business here. They are there because clients open one and take its refusal for the
end of the call: PeerJS does so beside every call.
"""

import structlog
from aiortc import RTCSctpCapabilities, RTCSctpTransport

from mcu.clock import Clock
from mcu.flood import Bucket
from mcu.rtc.binding.dtls import DtlsLink
from mcu.rtc.negotiation import MAX_DATA_BYTES, SCTP_PORT

log = structlog.get_logger()

MAX_CHANNELS = 16
PACKETS_PER_S = 200.0
PACKETS_BURST = 400


class DataLink(RTCSctpTransport):
    """Takes the channels that the remote side opens. A remote side that breaks a bound isn't listened to any more; its
    media goes on.
    """

    def __init__(self, dtls: DtlsLink, clock: Clock) -> None:
        super().__init__(dtls, port=SCTP_PORT)
        self._bucket = Bucket(PACKETS_PER_S, PACKETS_BURST, clock)
        self._deaf = False

    async def open(self, remote_port: int) -> None:
        """After the handshake. Returns at once; the association comes about by itself."""
        await self.start(RTCSctpCapabilities(maxMessageSize=MAX_DATA_BYTES), remote_port)

    async def close(self) -> None:
        """Before the DTLS goes. Idempotent."""
        await self.stop()
        self.remove_all_listeners()

    async def _handle_data(self, data: bytes) -> None:
        # aiortc tells the remote side how much more it would take, but keeps whatever comes.
        if self._deaf or not self._bucket.take():
            return
        if self._advertised_rwnd <= 0 or len(self._data_channels) > MAX_CHANNELS:
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

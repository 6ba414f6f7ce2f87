"""Asks STUN and TURN servers what a client would ask them, for diagnosis. On an event loop."""

import asyncio
import socket
from dataclasses import dataclass
from typing import Any, cast

from aioice import stun
from aioice.turn import create_turn_endpoint

TIMEOUT_S = 5.0
STUN_PORT, TLS_PORT = 3478, 5349
RESEND_S = 0.5


class ProbeFailed(Exception):
    """The server didn't do what was asked; the message says why."""


@dataclass(frozen=True, slots=True)
class IceUrl:
    """A ``stun:``, ``stuns:``, ``turn:`` or ``turns:`` URL, taken apart (RFC 7064, RFC 7065)."""

    host: str
    port: int
    tls: bool
    transport: str

    @classmethod
    def parse(cls, url: str) -> "IceUrl":
        """Of a URL that the settings let pass."""
        scheme, _, rest = url.partition(":")
        place, _, query = rest.partition("?transport=")
        tls = scheme.endswith("s")
        if place.startswith("["):
            host, _, port = place[1:].partition("]")
            port = port.removeprefix(":")
        else:
            host, _, port = place.partition(":")
        default = TLS_PORT if tls else STUN_PORT
        return cls(host, int(port) if port else default, tls, query or ("tcp" if tls else "udp"))


async def turn_allocation(url: IceUrl, username: str, credential: str, timeout_s: float = TIMEOUT_S) -> str:
    """Makes an allocation and gives it back; the relayed address. Raises ``ProbeFailed``."""
    try:
        async with asyncio.timeout(timeout_s):
            host = url.host if url.transport == "tcp" else await _resolve(url)
            transport, protocol = await create_turn_endpoint(
                _Relayed,
                (host, url.port),
                username,
                credential,
                ssl=True if url.tls else None,
                transport=url.transport,
            )
            relayed: tuple[str, int] = transport.get_extra_info("sockname")
            transport.close()
            await protocol.lost
    except TimeoutError:
        raise ProbeFailed("no answer: wrong address, or a firewall in between") from None
    except stun.TransactionFailed as error:
        code, reason = error.response.attributes.get("ERROR-CODE", (0, "refused"))
        raise ProbeFailed(f"refused with {code} {reason}") from None
    except (stun.TransactionError, OSError, ValueError) as error:
        raise ProbeFailed(str(error) or type(error).__name__) from None
    return relayed[0]


async def stun_address(url: IceUrl, timeout_s: float = TIMEOUT_S) -> str:
    """The address that the server sees us come from. Raises ``ProbeFailed``."""
    try:
        async with asyncio.timeout(timeout_s):
            place = await _resolve(url), url.port
            loop = asyncio.get_running_loop()
            transport, protocol = await loop.create_datagram_endpoint(_Answer, remote_addr=place)
            try:
                while not protocol.address.done():
                    transport.sendto(bytes(protocol.request))
                    await asyncio.wait({protocol.address}, timeout=RESEND_S)
                return await protocol.address
            finally:
                transport.close()
    except TimeoutError:
        raise ProbeFailed("no answer: wrong address, or a firewall in between") from None
    except OSError as error:
        raise ProbeFailed(str(error) or type(error).__name__) from None


class _Relayed(asyncio.DatagramProtocol):
    """Knows when its allocation has been given back."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


class _Answer(asyncio.DatagramProtocol):
    """Waits for the answer to one binding request."""

    def __init__(self) -> None:
        self.request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _: Any) -> None:
        try:
            answer = stun.parse_message(data)
        except ValueError:
            return
        mapped = answer.attributes.get("XOR-MAPPED-ADDRESS")
        if answer.transaction_id == self.request.transaction_id and mapped and not self.address.done():
            self.address.set_result(mapped[0])

    def error_received(self, exc: Exception) -> None:
        if not self.address.done():
            self.address.set_exception(exc)


async def _resolve(url: IceUrl) -> str:
    found = await asyncio.get_running_loop().getaddrinfo(url.host, url.port, type=socket.SOCK_DGRAM)
    return cast(str, found[0][4][0])

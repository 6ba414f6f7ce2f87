"""The stream between the gateway and one worker: whole frames in, whole frames out."""

import asyncio
import socket

from mcu.engine.frames import LENGTHS, Frame, pack, unpack, unpack_lengths


class LinkLost(ConnectionError):
    """The other side is gone, or what it sends makes no sense."""


class Link:
    """One end of a Unix socket. ``send`` may be called by several tasks, ``receive`` by one. Used on one event loop;
    ``close`` is idempotent.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, sock: socket.socket) -> "Link":
        """Takes the socket over, and closes it in the end."""
        return cls(*await asyncio.open_unix_connection(sock=sock))

    async def send(self, frame: Frame) -> None:
        """Returns once the other side isn't too far behind. Raises ``LinkLost``, or ``TooLarge``."""
        data = pack(frame)
        if self._writer.is_closing():
            raise LinkLost("the other side is gone")
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (OSError, RuntimeError) as error:
            raise LinkLost(str(error) or type(error).__name__) from error

    async def receive(self) -> Frame | None:
        """The next frame; None at the end. Raises ``LinkLost`` when the stream makes no sense."""
        try:
            head_bytes, body_bytes = unpack_lengths(await self._reader.readexactly(LENGTHS.size))
            head = await self._reader.readexactly(head_bytes)
            return unpack(head, await self._reader.readexactly(body_bytes))
        except (asyncio.IncompleteReadError, OSError):
            return None  # one that was killed ends in the middle of a frame
        except ValueError as error:
            raise LinkLost(f"not a frame: {error}") from error

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return  # closed by the other side first

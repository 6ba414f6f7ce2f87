"""A room's live outputs."""

from client.admin.calls import Calls, below
from mcu.protocol.outputs import NewOutput, OutputInfo


class OutputsAdmin:
    """``room.outputs``. Every request raises an AdminRefused or ConnectionLost."""

    def __init__(self, calls: Calls, room: str) -> None:
        self._calls = calls
        self._room = room

    async def start(self, output: NewOutput) -> OutputInfo:
        """Comes back at once; ``get`` tells when it has arrived. Raises Clash (``too_many_outputs``), AccessDenied
        (``host_not_allowed``) or InvalidRequest.
        """
        body = output.model_dump(mode="json", exclude_none=True)
        return await self._calls.one(OutputInfo, "POST", self._path(), json=body)

    async def list(self) -> tuple[OutputInfo, ...]:
        """Those that run, and before them the last that ended."""
        return await self._calls.many(OutputInfo, self._path(), "outputs")

    async def get(self, output: str) -> OutputInfo:
        return await self._calls.one(OutputInfo, "GET", self._path(output))

    async def stop(self, output: str) -> None:
        await self._calls.answer("DELETE", self._path(output))

    async def hls_file(self, output: str, file: str = "index.m3u8") -> bytes:
        """The playlist, or a segment that it names. Raises NotThere before the first and after the last."""
        return (await self._calls.answer("GET", self._path(output, "hls", file))).content

    def _path(self, *steps: str) -> str:
        return below("rooms", self._room, "outputs", *steps)

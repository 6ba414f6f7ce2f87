"""What may be asked about a room's live outputs."""

from api.session.asking import Asking
from mcu.errors import NotFound
from mcu.protocol.commands import ListOutputs, OutputInfo, OutputList, StartOutput, StopOutput
from mcu.protocol.outputs import NewOutput


class OutputControl(Asking):
    """Whoever may record may send out what is recorded. Who may watch may fetch what HLS keeps."""

    async def start_output(self, wanted: NewOutput) -> OutputInfo:
        """Raises ``Conflict`` (``too_many_outputs``), ``Forbidden`` or ``Unprocessable``."""
        self.principal.require("record", self.room)
        return await self._ask(StartOutput(output=wanted), OutputInfo)

    async def outputs(self) -> tuple[OutputInfo, ...]:
        self.principal.require("record", self.room)
        return (await self._ask(ListOutputs(), OutputList)).outputs

    async def output(self, identifier: str) -> OutputInfo:
        return _found(await self.outputs(), identifier)

    async def stop_output(self, identifier: str) -> OutputInfo:
        self.principal.require("record", self.room)
        return await self._ask(StopOutput(id=identifier), OutputInfo)

    async def check_hls(self, identifier: str) -> None:
        """Raises ``NotFound`` for what is none of the room's, or no HLS."""
        self.principal.require("watch", self.room)
        found = _found((await self._ask(ListOutputs(), OutputList)).outputs, identifier)
        if found.kind != "hls":
            raise NotFound("this output is no HLS: nothing of it is kept here", code="no_such_output")


def _found(outputs: tuple[OutputInfo, ...], identifier: str) -> OutputInfo:
    # An id may come again: what ended under it stands before what runs.
    found = next((one for one in reversed(outputs) if one.id == identifier), None)
    if found is None:
        raise NotFound(f"there is no output {identifier!r} in this room", code="no_such_output")
    return found

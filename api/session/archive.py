"""What may be asked about the recordings of a room, whether or not it is open."""

from api.auth import Principal
from api.session.control import RoomControl
from api.session.door import check_ban
from mcu.bans import Bans
from mcu.errors import Conflict, NotFound
from mcu.protocol.models import RecordingInfo
from mcu.store.interfaces import Transactions

MAX_LISTED = 1000


class Archive:
    """Of an open room the room itself says what there is (``room``); of a closed one the store's index does.

    Every method raises ``Forbidden`` where the grants don't allow it, and ``StoreUnavailable``.
    """

    def __init__(
        self, principal: Principal, bans: Bans, name: str, room: RoomControl | None, store: Transactions
    ) -> None:
        self._principal = principal
        self._bans = bans
        self._name = name
        self._room = room
        self._store = store

    async def recordings(self) -> tuple[RecordingInfo, ...]:
        """Oldest first. Raises ``NotFound`` for a closed room that left none."""
        if self._room is not None:
            return await self._room.recordings()
        found = await self._indexed()
        if not found:
            raise NotFound(f"there is no room {self._name!r}", code="no_such_room")
        return found

    async def recording(self, identifier: str) -> RecordingInfo:
        """Raises ``NotFound``."""
        found = next((one for one in await self.recordings() if one.id == identifier), None)
        if found is None:
            raise NotFound(f"there is no recording {identifier!r} in this room", code="no_such_recording")
        return found

    async def check_file(self, identifier: str, file: str) -> None:
        """Raises ``NotFound`` for what is none of the room's files, and ``Conflict`` for one that still grows. An admin
        of the whole server may fetch of closed rooms whatever lies on the disk.
        """
        if self._room is None and self._principal.everywhere:
            return
        info = await self.recording(identifier)
        if info.file != file:
            raise NotFound("there is no such file in this recording", code="no_such_recording")
        if info.runs:
            raise Conflict("this recording is still running; stop it first")

    async def _indexed(self) -> tuple[RecordingInfo, ...]:
        self._principal.require("record", self._name)
        await check_ban(self._bans, self._principal, self._name)
        async with self._store.read() as unit:
            newest_first = await unit.recordings.of(self._name, MAX_LISTED)
        return tuple(reversed(newest_first))

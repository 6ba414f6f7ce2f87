"""What may be asked about files that are played into a room."""

from api.session.asking import Asking
from mcu.errors import NotFound
from mcu.protocol.playback import (
    ListPlaybacks,
    PlaybackChanges,
    PlaybackInfo,
    PlaybackList,
    StartPlayback,
    StopPlayback,
    UpdatePlayback,
)


class PlaybackControl(Asking):
    """Who moderates may play, as they may announce."""

    def may_play(self) -> None:
        """Asked before a file is taken in."""
        self.principal.require("moderate", self.room)

    async def play(self, command: StartPlayback) -> PlaybackInfo:
        """Raises ``Unprocessable`` for a file that can't be played, ``Conflict`` when too many play."""
        self.may_play()
        return await self._ask(command, PlaybackInfo)

    async def playbacks(self) -> tuple[PlaybackInfo, ...]:
        self.principal.require("watch", self.room)
        return (await self._ask(ListPlaybacks(), PlaybackList)).playbacks

    async def playback(self, identifier: str) -> PlaybackInfo:
        found = next((one for one in await self.playbacks() if one.id == identifier), None)
        if found is None:
            raise NotFound(f"no playback {identifier!r} is on in this room", code="no_such_playback")
        return found

    async def update_playback(self, identifier: str, changes: PlaybackChanges) -> PlaybackInfo:
        self.may_play()
        return await self._ask(UpdatePlayback(id=identifier, changes=changes), PlaybackInfo)

    async def stop_playback(self, identifier: str) -> PlaybackInfo:
        self.may_play()
        return await self._ask(StopPlayback(id=identifier), PlaybackInfo)

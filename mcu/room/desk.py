"""The commands that one part of the room answers by itself: its facts, roster, connections, pictures of now, files."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcu.protocol import commands as c
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomInfo, TileMap
from mcu.protocol.sound import GetSoundHealth, SoundHealth
from mcu.room.attendance import Attendance
from mcu.room.connections import Connections
from mcu.room.recordings import Recordings
from mcu.room.sound_health import sound_health
from mcu.room.uplinks import Uplinks
from mcu.room.views import Views

SNAPSHOT_TIMEOUT_S = 2.0


class Desk:
    """Finds whom or what a command names and hands it over. On the event loop."""

    def __init__(
        self,
        attendance: Attendance,
        connections: Connections,
        views: Views,
        recordings: Recordings,
        uplinks: Uplinks,
        info: Callable[[], RoomInfo],
    ) -> None:
        self._attendance = attendance
        self._connections = connections
        self._views = views
        self._recordings = recordings
        self._uplinks = uplinks
        self._info = info
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            c.GetRoom: self._get_room,
            c.Offer: self._offer,
            c.AddCandidate: self._add_candidate,
            c.SetMediaState: self._set_media_state,
            c.SetHand: self._set_hand,
            c.Leave: self._leave,
            c.Detach: self._detach,
            c.ListParticipants: self._list_participants,
            c.GetUplink: self._get_uplink,
            GetSoundHealth: self._get_sound_health,
            c.GetTiles: self._get_tiles,
            c.TakeSnapshot: self._take_snapshot,
            c.StartRecording: self._start_recording,
            c.PauseRecording: self._pause_recording,
            c.ResumeRecording: self._resume_recording,
            c.StopRecording: self._stop_recording,
            c.ListRecordings: self._list_recordings,
        }

    async def _get_room(self, _: c.GetRoom) -> RoomInfo:
        return self._info()

    async def _offer(self, command: c.Offer) -> c.Answer:
        participant = self._attendance.participant(command.participant)
        answer = await self._connections.offer(participant, command.connection, command.sdp)
        return c.Answer(sdp=answer)

    async def _add_candidate(self, command: c.AddCandidate) -> c.Done:
        await self._connections.add_candidate(
            self._attendance.participant(command.participant),
            command.connection,
            command.candidate,
            command.sdp_mid,
            command.sdp_m_line_index,
        )
        return c.Done()

    async def _set_media_state(self, command: c.SetMediaState) -> ParticipantInfo:
        return await self._attendance.set_media_state(command)

    async def _set_hand(self, command: c.SetHand) -> ParticipantInfo:
        return self._attendance.set_hand(command)

    async def _leave(self, command: c.Leave) -> c.Done:
        await self._attendance.leave(command)
        return c.Done()

    async def _detach(self, command: c.Detach) -> c.Done:
        self._attendance.detach(command)
        return c.Done()

    async def _list_participants(self, _: c.ListParticipants) -> c.ParticipantList:
        return c.ParticipantList(participants=self._attendance.infos)

    async def _get_uplink(self, command: c.GetUplink) -> c.UplinkState:
        return c.UplinkState(uplink=self._uplinks.of(self._attendance.participant(command.participant).id))

    async def _get_sound_health(self, command: GetSoundHealth) -> SoundHealth:
        return sound_health(self._attendance.participant(command.participant).voice.statistics)

    async def _get_tiles(self, command: c.GetTiles) -> TileMap:
        return self._views.get(command.view).composite.tile_map

    async def _take_snapshot(self, command: c.TakeSnapshot) -> c.Snapshot:
        data = await self._views.get(command.view).composite.snapshot(command.format, SNAPSHOT_TIMEOUT_S)
        return c.Snapshot(content_type="image/jpeg" if command.format == "jpg" else "image/png", data=data)

    async def _start_recording(self, command: c.StartRecording) -> RecordingInfo:
        return await self._recordings.start(self._views.get(command.view), paused=command.paused)

    async def _pause_recording(self, command: c.PauseRecording) -> RecordingInfo:
        return await self._recordings.pause(command.recording)

    async def _resume_recording(self, command: c.ResumeRecording) -> RecordingInfo:
        return await self._recordings.resume(command.recording)

    async def _stop_recording(self, command: c.StopRecording) -> RecordingInfo:
        return await self._recordings.stop(command.recording)

    async def _list_recordings(self, _: c.ListRecordings) -> c.RecordingList:
        return c.RecordingList(recordings=await self._recordings.list())

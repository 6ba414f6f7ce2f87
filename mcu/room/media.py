"""The media of a room: the thread of its sound, the thread of its pictures, and the views those are drawn for."""

import asyncio
from collections.abc import Callable

from mcu.clock import Clock
from mcu.config import EngineConfig
from mcu.protocol.models import RoomSpec, TileMap
from mcu.room.pans import pans_of
from mcu.room.pictures import RoomPictures
from mcu.room.snapshot import RoomSnapshot
from mcu.room.sounds import RoomSounds
from mcu.room.views import MAIN, Views
from mcu.rtc import OutgoingIdentity
from mixer.speech import Speech
from mixer.timeline import Timeline

CLOSE_THREADS_S = 2.0


class RoomMedia:
    """Made, started, shown snapshots and closed by the room, on its event loop; what it tells comes from the threads:
    ``on_tiles`` from that of the pictures, ``on_speech`` and ``on_announced`` from that of the sound.
    """

    def __init__(
        self,
        spec: RoomSpec,
        config: EngineConfig,
        clock: Clock,
        identity: OutgoingIdentity,
        *,
        on_tiles: Callable[[TileMap], None],
        on_speech: Callable[[Speech], None],
        on_announced: Callable[[str], None],
    ) -> None:
        start_ns = clock.now_ns()
        self.sounds = RoomSounds(
            spec.name,
            clock,
            Timeline(start_ns, spec.view.fps),
            bitrate_bps=spec.view.audio_bps,
            max_speakers=spec.max_speakers,
            music=spec.view.audio_profile == "music",
            auto_gain=spec.auto_gain,
            stereo=spec.stereo,
            noise_suppression=spec.noise_suppression,
            on_speech=lambda speech, _: on_speech(speech),
            on_announced=on_announced,
        )
        self.pictures = RoomPictures(
            spec.name,
            clock,
            stale_after_ns=config.stale_after_ns,
            park_after_ns=config.park_after_ns,
            speech=lambda: self.sounds.speech,
        )
        self.views = Views(spec.name, spec.view, identity, clock, start_ns, self.pictures, on_tiles=on_tiles)

    def start(self) -> None:
        """Raises RuntimeError when a thread can't start."""
        self.sounds.start()
        self.pictures.start()

    def show(self, snapshot: RoomSnapshot) -> None:
        """One reference for each thread, so a tick sees all of a change or nothing."""
        self.pictures.snapshot_of_room = snapshot
        self.sounds.snapshot = snapshot

    def place_voices(self, tiles: TileMap) -> None:
        """Voices come from where the tiles of the main view stand."""
        if tiles.view == MAIN:
            self.sounds.pans = pans_of(tiles)

    async def close(self) -> bool:
        """Ends views and threads; False when one doesn't end in time. Idempotent."""
        await self.views.close()
        self.pictures.close()
        self.sounds.close()
        joined = await asyncio.gather(
            asyncio.to_thread(self.pictures.join, CLOSE_THREADS_S), asyncio.to_thread(self.sounds.join, CLOSE_THREADS_S)
        )
        ended = all(joined)
        if ended:
            self.pictures.free()
        return ended

"""A gong over REST into a running room, found in the room's recording."""

import asyncio
import io
import wave
from pathlib import Path

import httpx
import numpy as np

from api.app import create_app
from api.settings import Settings
from mixer.tones import tone
from tests.kit import recordings as kit_recordings
from tests.kit.tones import tone_dbfs
from tests.mcu.room.meeting import VIEW, running_engine

ROOM = "/api/v1/rooms/hall"
GONG_HZ = 880.0


def wav(pcm: np.ndarray[tuple[int], np.dtype[np.int16]]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(48_000)
        writer.writeframes(pcm.tobytes())
    return file.getvalue()


async def test_a_file_sent_over_rest_is_in_the_recording(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        app = create_app(Settings(recordings_dir=tmp_path, view=VIEW), engine)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://mcu.test") as client,
            asyncio.timeout(30),
        ):
            assert (await client.post("/api/v1/rooms", json={"name": "hall"})).status_code == 201
            recording = (await client.post(f"{ROOM}/recordings", json={})).json()
            gong = wav(tone(GONG_HZ, 1_000, -20.0))
            sent = await client.post(f"{ROOM}/announcements", content=gong, headers={"Content-Type": "audio/wav"})
            assert (sent.status_code, sent.json()["duration_s"]) == (201, 1.0)
            while (await client.get(f"{ROOM}/announcements")).json()["announcements"]:  # noqa: ASYNC110 - media time passes in a thread
                await asyncio.sleep(0.05)
            stopped = (await client.post(f"{ROOM}/recordings/{recording['id']}/stop")).json()
            sound = kit_recordings.probe(tmp_path / stopped["id"] / stopped["file"]).sound
    pieces = (sound[: sound.size // 4_800 * 4_800] * 32_767).astype(np.int16).reshape(-1, 4_800)
    # A second has ten pieces; the first and the last may hold a part of it only.
    assert 9 <= sum(tone_dbfs(piece, GONG_HZ) > -26.0 for piece in pieces) <= 11

"""How somebody is heard, as moderators and dashboards see it: a live room with a real connection."""

from pathlib import Path

import pytest

from mcu.errors import NotFound
from mcu.protocol.commands import UpdateParticipant
from mcu.protocol.models import ParticipantInfo
from mcu.protocol.sound import GetSoundHealth, SoundHealth
from mcu.room.room import Room
from tests.mcu.room.meeting import Hum, ask, enter, open_room, running_engine, until


async def health(room: Room, who: str) -> SoundHealth:
    return await ask(room, GetSoundHealth(participant=who), SoundHealth)


async def test_a_microphone_and_what_becomes_of_it_when_muted(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        playout = next(iter(room.participants)).playout
        await until(lambda: playout.statistics.received > 20)
        silent = await health(room, ada.id)
        assert silent.parked, "a client that sends silence and says so is not decoded"
        (microphone,) = [sender for sender in ada.client.pc.getSenders() if sender.kind == "audio"]
        microphone.replaceTrack(Hum())
        await until(lambda: playout.statistics.played_samples > 48_000 // 2)
        heard = await health(room, ada.id)
        assert heard.received > 20
        assert not heard.parked
        assert 20 <= heard.target_ms <= 200
        assert heard.delay_ms > 0
        assert 0 <= heard.concealed <= 1
        await ask(room, UpdateParticipant(participant=ada.id, server_muted_audio=True), ParticipantInfo)
        await until(lambda: playout.statistics.parked)
        muted = await health(room, ada.id)
        assert muted.level_dbov == -127
        played = playout.statistics.played_samples
        received = playout.statistics.received
        await until(lambda: playout.statistics.received > received + 20)
        assert playout.statistics.played_samples == played
        with pytest.raises(NotFound):
            await health(room, "nobody")
        text = await engine.metrics()
        assert 'mcu_voices_parked{room="room"} 1.0' in text
        assert 'mcu_sound_delay_seconds_bucket{le="0.2",room="room"} 1.0' in text
        assert 'mcu_sound_level_dbov_bucket{le="-90",room="room"} 1.0' in text
        assert 'mcu_sound_concealed_ratio_gcount{room="room"} 1.0' in text
        await ada.close()

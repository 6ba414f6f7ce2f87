"""Voices in a room with places, as those with two ears and those with one hear them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mcu.frames import SoundForm
from mcu.protocol.models import PixelBox, PixelSize, TileInfo, TileMap
from mcu.room.pans import pans_of
from tests.mcu.room.stage import Stage, levels, loudest_click

ADA_HZ, BO_HZ = TONES_HZ = 317.0, 463.0
STEREO = SoundForm(20, 2)


class Tap:
    def __init__(self) -> None:
        self.chunks: list[NDArray[np.int16]] = []

    def write_sound(self, pcm: NDArray[np.int16], time_ns: int) -> None:
        self.chunks.append(pcm)


def test_voices_come_from_where_their_tiles_are() -> None:
    with Stage(stereo=True) as stage:
        tap = Tap()
        stage.sounds.sinks = ((tap, ""),)
        ada = stage.add("ada", ADA_HZ, form=STEREO)
        stage.add("bo", BO_HZ)
        eve, fay = stage.add("eve", None, form=STEREO), stage.add("fay", None)
        stage.sounds.pans = {"ada": -1.0, "bo": 0.5}
        stage.play(60)
        left, right = (levels(channel[-24_000:], TONES_HZ) for channel in eve.listen(2).T)
        assert left[ADA_HZ] - right[ADA_HZ] > 12
        assert 5 < right[BO_HZ] - left[BO_HZ] < 8
        mono = levels(fay.listen()[-24_000:], TONES_HZ)
        assert mono[ADA_HZ] == pytest.approx(-24, abs=1.5)
        assert mono[BO_HZ] == pytest.approx(-22, abs=1.5)
        for channel in ada.listen(2).T:
            assert levels(channel[-24_000:], TONES_HZ)[ADA_HZ] < -75
        assert {chunk.shape for chunk in tap.chunks} == {(960,)}
        assert levels(np.concatenate(tap.chunks)[-24_000:], TONES_HZ)[BO_HZ] == pytest.approx(-22, abs=1.5)


def test_a_tile_that_jumps_takes_its_voice_along_without_a_click() -> None:
    with Stage(stereo=True) as stage:
        stage.add("ada", ADA_HZ)
        eve = stage.add("eve", None, form=STEREO)
        stage.sounds.pans = {"ada": -1.0}
        stage.play(60)
        quiet = [loudest_click(channel[960 * 20 :]) for channel in eve.listen(2).T]
        stage.sounds.pans = {"ada": 1.0}
        stage.play(60)
        sound = eve.listen(2)
        left, right = (levels(channel[-9_600:], TONES_HZ)[ADA_HZ] for channel in sound.T)
        assert right - left > 12
        for channel, before in zip(sound.T, quiet, strict=True):
            assert loudest_click(channel[960 * 20 :]) < max(before + 6, -60)


def test_places_are_those_of_cameras_on_the_canvas() -> None:
    def tile(who: str, source: str, x: int) -> TileInfo:
        box = PixelBox(x=x, y=0, width=320, height=180)
        return TileInfo.model_validate(
            {"participant": who, "source": source, "name": who, "box": box, "z": 0, "state": "live"}
        )

    tiles = (tile("ada", "screen", 320), tile("ada", "camera", 0), tile("bo", "camera", 960), tile("bo", "screen", 0))
    canvas = PixelSize(width=1280, height=720)
    pans = pans_of(TileMap(view="main", layout_seq=1, canvas=canvas, tiles=tiles))
    assert pans == pytest.approx({"ada": -0.75, "bo": 0.75})

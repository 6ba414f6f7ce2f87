"""Gains as others hear them: decoded from the packets that reach a listener."""

import numpy as np
import pytest

from tests.mcu.room.stage import Stage, levels, loudest_click

ADA_HZ, BO_HZ = 317.0, 463.0


def ticks(stage: Stage, name: str, first: int, last: int) -> dict[float, float]:
    return levels(stage.people[name].listen()[960 * first : 960 * last], (ADA_HZ, BO_HZ))


@pytest.mark.parametrize("how", ["gain", "mute", "leave", "gain to nothing"])
def test_no_change_of_a_voice_clicks(how: str) -> None:
    with Stage() as stage:
        ada, eve = stage.add("ada", ADA_HZ), stage.add("eve", None)
        stage.add("bo", BO_HZ)
        stage.play(50)
        before = loudest_click(eve.listen()[960 * 20 :])
        if how == "leave":
            del stage.people["ada"]
        else:
            ada.heard, ada.gain = how != "mute", {"gain": 0.1, "gain to nothing": 0.0}.get(how, 1.0)
        stage.play(30)
        sound = eve.listen()
        assert loudest_click(sound[960 * 20 :]) < max(before + 6, -60)
        after = ticks(stage, "eve", 55, 80)
        assert after[BO_HZ] == pytest.approx(-21, abs=1)
        if how == "gain":
            assert after[ADA_HZ] == pytest.approx(-41, abs=1.5)
        else:
            assert after[ADA_HZ] < -60
        if how == "mute":
            ada.heard = True
            stage.play(30)
            assert ticks(stage, "eve", 85, 110)[ADA_HZ] == pytest.approx(-21, abs=1)
            assert loudest_click(eve.listen()[960 * 20 :]) < max(before + 6, -60)
        ada.playout.close()


def test_automatic_gain_brings_a_quiet_voice_up() -> None:
    """A tone that comes and goes like words; nothing of it is heard by its owner, whatever the gain."""
    with Stage(auto_gain=True) as stage:
        ada, eve = stage.add("ada", ADA_HZ), stage.add("eve", None)
        stage.play(10)
        for word in range(30):
            ada.amplitude = 600.0 if word % 3 else 6.0
            stage.play(20)
        sound = eve.listen()
        early, late = (np.abs(sound[960 * at : 960 * (at + 18)]).max() for at in (31, 570))
        assert late > 2.0 * early
        assert levels(ada.listen()[960 * 100 :], (ADA_HZ,))[ADA_HZ] < -80

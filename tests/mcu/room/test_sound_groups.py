"""Groups as their members hear them: decoded from the packets that reach each of them."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.mcu.room.stage import Stage, levels, loudest_click

ADA_HZ, BO_HZ, CY_HZ, DI_HZ = TONES_HZ = 317.0, 463.0, 719.0, 1151.0
THERE_DBFS = -25.0
"""A tone said at −21 dBFS that is heard."""
AWAY_DBFS = -55.0
"""And one that isn't: what is left is coding noise."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


def heard(stage: Stage, name: str, since_tick: int = 0) -> set[float]:
    pcm = stage.people[name].listen()[960 * since_tick :][-24_000:]
    found = levels(pcm, TONES_HZ)
    assert all(level > THERE_DBFS or level < AWAY_DBFS for level in found.values()), found
    return {hz for hz, level in found.items() if level > THERE_DBFS}


def test_members_of_a_group_hear_their_own_group_only(stage: Stage) -> None:
    stage.add("ada", ADA_HZ, "wolves")
    stage.add("bo", BO_HZ, "wolves")
    stage.add("cy", CY_HZ)
    stage.add("di", DI_HZ)
    stage.add("eve", None, "wolves")
    stage.add("fay", None)
    stage.play(60)
    assert heard(stage, "ada") == {BO_HZ}
    assert heard(stage, "cy") == {DI_HZ}
    assert heard(stage, "eve") == {ADA_HZ, BO_HZ}
    assert heard(stage, "fay") == {CY_HZ, DI_HZ}


def test_a_group_may_listen_in_on_another(stage: Stage) -> None:
    stage.hears["french"] = {"": 0.25}
    stage.add("ada", ADA_HZ, "french")
    stage.add("cy", CY_HZ)
    eve, fay = stage.add("eve", None, "french"), stage.add("fay", None)
    stage.play(60)
    french = levels(eve.listen()[-24_000:], (ADA_HZ, CY_HZ))
    assert french[ADA_HZ] - french[CY_HZ] == pytest.approx(12, abs=1)
    assert levels(fay.listen()[-24_000:], (ADA_HZ,))[ADA_HZ] < AWAY_DBFS


@pytest.mark.parametrize("speaks", [True, False], ids=["a speaker", "a listener"])
def test_a_move_is_no_gap_and_no_click(stage: Stage, speaks: bool) -> None:
    stage.add("bo", BO_HZ, "wolves")
    stage.add("cy", CY_HZ)
    ada = stage.add("ada", ADA_HZ if speaks else None, "wolves")
    stage.play(60)
    quiet_dbfs = loudest_click(ada.listen()[20 * 960 :])
    ada.group = ""
    stage.play(40)
    assert heard(stage, "ada") == {CY_HZ}
    assert heard(stage, "bo") == set()
    assert heard(stage, "cy") == ({ADA_HZ} if speaks else set())
    sequence = [packet.sequence_number for packet in ada.packets]
    times = [packet.rtp_timestamp for packet in ada.packets]
    assert len(ada.packets) == 100
    assert {(later - earlier) & 0xFFFF for earlier, later in pairwise(sequence)} == {1}
    assert {(later - earlier) & 0xFFFF_FFFF for earlier, later in pairwise(times)} == {960}
    # The crossfade of two tones, and whatever a change of encoder adds, must stay near what coding always adds.
    assert loudest_click(ada.listen()[20 * 960 :]) < max(quiet_dbfs + 6, -60)


def test_groups_come_and_go_with_their_people(stage: Stage) -> None:
    ada, bo = stage.add("ada", ADA_HZ, "wolves"), stage.add("bo", BO_HZ, "wolves")
    stage.play(10)
    assert stage.sounds.statistics.groups == 2
    wolves = stage.fanouts["wolves"]
    assert wolves.statistics.listeners == 2
    ada.group = bo.group = ""
    stage.play(60)
    assert stage.sounds.statistics.groups == 1
    assert wolves.statistics.listeners == 0
    assert heard(stage, "ada") == {BO_HZ}
    ada.group = "wolves"
    stage.play(30)
    assert stage.fanouts["wolves"] is not wolves
    assert len(ada.packets) == 100


def test_a_connection_that_ended_is_not_served_again(stage: Stage) -> None:
    ada = stage.add("ada", ADA_HZ, "wolves")
    stage.play(5)
    ada.viewer.downlink.close()
    ada.group = "owls"
    stage.play(5)
    assert stage.fanouts["owls"].statistics.listeners == 0
    assert len(ada.packets) == 5

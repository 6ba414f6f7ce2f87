"""The facts behind how somebody sounds, from their playout's counts."""

from mcu.media.playout_statistics import PlayoutStatistics
from mcu.protocol.sound import SoundHealth


def concealed_share(counted: PlayoutStatistics) -> float:
    """How much of what was heard had to be invented, 0 to 1."""
    return min(1.0, counted.concealed_samples / counted.played_samples) if counted.played_samples else 0.0


def sound_health(counted: PlayoutStatistics) -> SoundHealth:
    return SoundHealth(
        parked=counted.parked,
        level_dbov=-counted.level,
        delay_ms=max(0.0, round(counted.delay_ms, 1)),
        target_ms=round(counted.target_ms, 1),
        received=counted.received,
        lost=counted.lost,
        late=counted.late,
        repaired=counted.fec_recovered,
        damaged=counted.damaged,
        overflowed=counted.overflowed,
        concealed=round(concealed_share(counted), 5),
        resets=counted.resets,
        drift_ppm=None if counted.drift_ppm is None else round(counted.drift_ppm, 1),
    )

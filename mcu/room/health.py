"""Why a tile looks as it does: its state, and the facts behind it."""

from datetime import UTC, datetime, timedelta

from mcu.clock import NS_PER_MS
from mcu.media.decoding import DecodingStatistics
from mcu.protocol.models import TileHealth, TileState
from mcu.room.participant import Participant
from mcu.room.snapshot import PictureInput

SILENT_AFTER_NS = 2000 * NS_PER_MS
"""Without a frame for this long, it is frames that are missing and not a keyframe."""


def state_of(source: PictureInput | None, *, live: bool, now_ns: int) -> TileState:
    """Live, or why there is no picture. None: whoever it was has just gone."""
    if source is None or source.reconnecting:
        return "reconnecting"
    if not source.shown:
        return "muted"
    if live:
        return "live"
    return _missing(source.decoding.statistics, now_ns)


def _missing(counted: DecodingStatistics, now_ns: int) -> TileState:
    """Why a source that should be seen has no picture."""
    if counted.last_arrived_ns is None or now_ns - counted.last_arrived_ns >= SILENT_AFTER_NS:
        return "no_packets"
    if counted.last_error_ns is not None and counted.last_error_ns > (counted.last_decoded_ns or 0):
        return "decode_error"
    return "no_keyframe"


def health_of(
    person: Participant, source: PictureInput, *, state: TileState | None, since_ns: int | None, now_ns: int
) -> TileHealth:
    """``state`` None: this source has no tile in the view; it is ``parked`` when no other view has one either."""
    counted = source.decoding.statistics
    link = person.links.get("main" if source.key.source == "camera" else "screen")
    heard_ns = link.peer.last_packet_ns if link is not None else None
    muted_by = None
    if source.key.source == "camera" and not person.media.video:
        muted_by = "participant"
    if person.server_muted_video:
        muted_by = "moderator"
    return TileHealth.model_validate(
        {
            "participant": person.id,
            "source": source.key.source,
            "name": person.name,
            "on_canvas": state is not None,
            "state": state or ("parked" if counted.parked else "hidden"),
            "since": None
            if since_ns is None
            else datetime.now(UTC) - timedelta(microseconds=(now_ns - since_ns) // 1000),
            "last_packet_ms": _age_ms(heard_ns, now_ns),
            "last_frame_ms": _age_ms(counted.last_arrived_ns, now_ns),
            "last_keyframe_ms": _age_ms(counted.last_keyframe_ns, now_ns),
            "last_decoded_ms": _age_ms(counted.last_decoded_ns, now_ns),
            "decoded": counted.decoded,
            "dropped": counted.dropped,
            "decode_errors": counted.errors,
            "width": counted.width,
            "height": counted.height,
            "muted_by": muted_by,
            "parked": counted.parked,
        }
    )


def _age_ms(then_ns: int | None, now_ns: int) -> int | None:
    return None if then_ns is None else max(0, now_ns - then_ns) // NS_PER_MS

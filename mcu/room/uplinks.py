"""What each participant is asked to send: what the tiles they fill can show, and nothing while nobody sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mcu.clock import NS_PER_MS, NS_PER_S, Clock
from mcu.protocol import events as e
from mcu.protocol.models import Connection, Source, Uplink, UplinkVideo
from mcu.room.attendance import Attendance
from mcu.room.demand import DOWN_HOLD_NS, USUAL_SHAPE, Need, SteadyNeed, most, need_of, shape_of, wish
from mcu.room.events import Events
from mcu.room.forwards import Forwarding
from mcu.room.link import Link
from mcu.room.participant import Participant
from mcu.room.views import Views
from mixer.geometry import Size
from mixer.scene import TileKey

TELL_INTERVAL_NS: Final = 500 * NS_PER_MS
"""Between two wishes to one participant, but for one that ends a pause: a layout may change faster than an encoder."""

HEED_NS: Final = 4 * NS_PER_S
"""What arrives is held against a wish over this long, beginning as long after it."""
HEED_SPARE: Final = 1.6
"""An encoder may exceed its limit a little, and there is sound beside the picture."""
SOUND_BPS: Final = 100_000
LEAST_LIMIT_BPS: Final = 150_000
"""Below this, an estimate would starve the sound as well."""

_NOTHING: Final = Uplink()

UNSEEN_EVERY_LOOKS: Final = 4
"""Of those who are on no view and know it, a quarter is looked at each time: most of a crowd only listens."""

_SOURCES: Final[tuple[tuple[Source, Connection], ...]] = (("camera", "main"), ("screen", "screen"))


class LinkLimit:
    """Bounds by REMB whoever sends much more than was asked for. Whoever heeds the wishes is left alone: the bandwidth
    estimate of a sender that was once held down takes many seconds to recover, and then the next large tile is blurred.
    """

    def __init__(self) -> None:
        self.needed = False
        """This connection has exceeded a wish, so it is bounded from now on."""
        self._wish: UplinkVideo | None = None
        self._from_ns: int | None = None
        self._octets = 0

    def look(self, link: Link, asked: UplinkVideo | None, now_ns: int) -> None:
        """Judges what came since the last wish; cheap enough for four times a second."""
        allowed_bps = max(LEAST_LIMIT_BPS, asked.kbps * 1000 if asked is not None else 0)
        changed = asked != self._wish or self._from_ns is None
        if changed:
            self._wish = asked
        if self.needed:
            if changed:
                link.peer.limit_bitrate(allowed_bps)
            self._from_ns = now_ns
            return
        if self._from_ns is None or changed:
            self._from_ns, self._octets = now_ns + HEED_NS, -1
        elif now_ns >= self._from_ns and self._octets < 0:
            self._octets = link.peer.received_octets
        elif now_ns - self._from_ns >= HEED_NS:
            octets = link.peer.received_octets
            rate_bps = (octets - self._octets) * 8 * NS_PER_S // (now_ns - self._from_ns)
            self._from_ns, self._octets = now_ns, octets
            if rate_bps > allowed_bps * HEED_SPARE + SOUND_BPS:
                self.needed = True
                link.peer.limit_bitrate(allowed_bps)


@dataclass(slots=True)
class _Asked:
    """What one participant was asked for, and how they take it."""

    steady: dict[Source, SteadyNeed] = field(default_factory=lambda: {"camera": SteadyNeed(), "screen": SteadyNeed()})
    shapes: dict[Source, Size] = field(default_factory=dict)
    told: Uplink | None = None
    told_ns: int | None = None
    """Before the first wish: since when there has been a connection."""
    limits: dict[Link, LinkLimit] = field(default_factory=dict)
    tiles: tuple[TileKey, ...] = ()
    """What of them may be seen."""

    @property
    def rests(self) -> bool:
        """Nothing was needed for so long that they were told so."""
        return self.told == _NOTHING and all(steady.asked is None for steady in self.steady.values())


def _asked(participant: str) -> _Asked:
    return _Asked(tiles=tuple(TileKey(participant, source) for source, _ in _SOURCES))


class Uplinks:
    """Looks at where everybody stands, and tells them what that needs. On the event loop."""

    def __init__(
        self, clock: Clock, views: Views, attendance: Attendance, events: Events, forwarding: Forwarding | None = None
    ) -> None:
        self._clock = clock
        self._views = views
        self._attendance = attendance
        self._events = events
        self._forwarding = forwarding
        self._asked: dict[str, _Asked] = {}
        self._round = 0
        self.told = 0
        """Wishes sent since the beginning."""

    def of(self, participant: str) -> Uplink | None:
        """What was asked of them last; None before anything was."""
        asked = self._asked.get(participant)
        return asked.told if asked is not None else None

    def look(self) -> None:
        """After every change of a tile map, and a few times a second: what would do for less has to last a while."""
        now_ns = self._clock.now_ns()
        people = self._attendance.people
        known = {person.id: self._asked.get(person.id) or _asked(person.id) for person in people}
        self._asked = known
        needs = self._needs(known)
        self._round = (self._round + 1) % UNSEEN_EVERY_LOOKS
        for place, person in enumerate(people):
            asked = known[person.id]
            seen = any(key in needs for key in asked.tiles)
            if (
                person.film is None
                and person.ever_connected
                and (seen or not asked.rests or place % UNSEEN_EVERY_LOOKS == self._round)
            ):
                self._ask(person, asked, needs, now_ns)

    def _needs(self, known: Mapping[str, _Asked]) -> dict[TileKey, Need]:
        """The largest tile of each source, in the shape its pictures have."""
        needs: dict[TileKey, Need] = {}
        for view in self._views:
            for tile in view.composite.placed:
                asked = known.get(tile.key.participant)
                if asked is not None:
                    shape = asked.shapes.get(tile.key.source, USUAL_SHAPE)
                    needs[tile.key] = most(needs.get(tile.key), need_of(tile, shape, view.spec.fps))
        return needs

    def _ask(self, person: Participant, asked: _Asked, needs: Mapping[TileKey, Need], now_ns: int) -> None:
        wishes: dict[Source, UplinkVideo | None] = {}
        for source, _ in _SOURCES:
            newest = person.decodings[source].latest.peek()
            size = newest.picture.size if newest is not None else self._sent_size(TileKey(person.id, source))
            if size is not None:
                asked.shapes[source] = shape_of(asked.shapes.get(source, USUAL_SHAPE), size)
            seen = not person.server_muted_video and (source == "camera" or person.media.screen)
            need = asked.steady[source].update(needs.get(TileKey(person.id, source)) if seen else None, now_ns)
            wishes[source] = wish(need, source) if need is not None else None
        self._tell(person, asked, Uplink(video=wishes["camera"], screen=wishes["screen"]), now_ns)
        self._limit(person, asked, now_ns)

    def _sent_size(self, key: TileKey) -> Size | None:
        """Of a picture that nobody decodes here."""
        forward = self._forwarding.find(key) if self._forwarding is not None else None
        return forward.format.size if forward is not None and forward.format is not None else None

    def _tell(self, person: Participant, asked: _Asked, wanted: Uplink, now_ns: int) -> None:
        told, since_ns = asked.told, asked.told_ns
        if since_ns is None:
            since_ns = asked.told_ns = now_ns
        if wanted == told or (told is None and wanted == Uplink() and now_ns - since_ns < DOWN_HOLD_NS):
            return  # somebody who has just come will be drawn with the next picture
        resumes = told is None or (told.video is None and wanted.video) or (told.screen is None and wanted.screen)
        if resumes or now_ns - since_ns >= TELL_INTERVAL_NS:
            asked.told, asked.told_ns = wanted, now_ns
            self.told += 1
            self._events.emit(e.UplinkChanged(to=person.id, video=wanted.video, screen=wanted.screen))

    @staticmethod
    def _limit(person: Participant, asked: _Asked, now_ns: int) -> None:
        told = asked.told
        if told is None:
            return
        links = {connection: link for connection, link in person.links.items() if link.connected}
        asked.limits = {link: asked.limits.get(link) or LinkLimit() for link in links.values()}
        for source, connection in _SOURCES:
            link = links.get(connection)
            if link is not None:
                asked.limits[link].look(link, told.video if source == "camera" else told.screen, now_ns)

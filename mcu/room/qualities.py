"""Who gets which tier: every viewer's reports go to a policy of their own, and its decisions to the views."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from mcu.chores import Chores
from mcu.clock import NS_PER_S, Clock
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.quality import GetQuality, Quality, QualityReason, SetQuality, Tier, TierChoice
from mcu.room.attendance import Attendance
from mcu.room.connections import Connections
from mcu.room.events import Events
from mcu.room.link import Link
from mcu.room.participant import Participant
from mcu.room.tier_policy import Move, TierPolicy
from mcu.room.tiers import ORDER, VideoTier, tiers_of
from mcu.room.views import Views
from mcu.rtc.downlink import Downlink

log = structlog.get_logger()

CEILINGS: Final[dict[TierChoice, Tier]] = {
    "auto": "high",
    "high": "high",
    "medium": "medium",
    "low": "low",
    "audio": "audio",
}


DECIDE_NS: Final = NS_PER_S
"""Viewers are judged when they report, and at the latest after this long: a browser reports about once a second."""


@dataclass(slots=True)
class _Viewer:
    """One connection that receives the composite, and how many of its reports were read."""

    link: Link
    downlink: Downlink
    policy: TierPolicy
    reports: int = 0
    sound_reports: int = 0
    estimate_of: object = None
    moving: bool = False
    decide_ns: int = 0
    """When it is judged even though nothing was heard of it."""

    def has_news(self, now_ns: int) -> bool:
        """Whether there is a reason to read and to judge: a report, or none for a while."""
        if now_ns >= self.decide_ns:
            return True
        video, sound = self.link.reception.get("video"), self.link.reception.get("audio")
        return video is not self.estimate_of or (sound is not None and sound.reports != self.sound_reports)

    def read(self, now_ns: int) -> None:
        """Tells the policy what is new."""
        self.decide_ns = now_ns + DECIDE_NS
        lane = self.downlink.video
        if lane is not None:
            self.policy.sent(lane.octets, now_ns)
        video, sound = self.link.reception.get("video"), self.link.reception.get("audio")
        if video is not None and video is not self.estimate_of:
            self.estimate_of = video
            if video.estimate_bps is not None:
                self.policy.estimated(video.estimate_bps, now_ns)
        if video is not None and video.reports != self.reports:
            self.reports = video.reports
            self.policy.lost(video.fraction_lost, now_ns)
            self._read_round_trip(video.round_trip_s, now_ns)
        if sound is not None and sound.reports != self.sound_reports:
            self.sound_reports = sound.reports
            self.policy.sound_lost(sound.fraction_lost, now_ns)
            self._read_round_trip(sound.round_trip_s, now_ns)

    def _read_round_trip(self, round_trip_s: float | None, now_ns: int) -> None:
        if round_trip_s is not None:
            self.policy.round_trip(round(round_trip_s * NS_PER_S), now_ns)


class Qualities:
    """On the event loop; ``look`` a few times a second. Whoever is slow gets less, and nobody else does."""

    def __init__(
        self, clock: Clock, views: Views, attendance: Attendance, connections: Connections, events: Events
    ) -> None:
        self._clock = clock
        self._views = views
        self._attendance = attendance
        self._connections = connections
        self._events = events
        self._chores = Chores("qualities")
        self._viewers: dict[str, _Viewer] = {}
        self._bounds: object = None
        self.best: Tier = "high"
        """What anybody gets at most, however good their path. Set by the room's governor."""
        self.moves: Counter[QualityReason] = Counter()
        """Changes of tier since the beginning, by reason."""
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            GetQuality: self._get,
            SetQuality: self._set,
        }

    async def close(self) -> None:
        await self._chores.close()

    def of(self, person: Participant) -> Quality:
        link = person.links.get("main")
        video = link.reception.get("video") if link is not None else None
        return Quality(
            participant=person.id,
            choice=person.tier_choice,
            tier=person.tier,
            reason=person.tier_reason,
            fraction_lost=video.fraction_lost if video is not None else None,
            round_trip_ms=round(video.round_trip_s * 1000) if video is not None and video.round_trip_s else None,
            estimate_kbps=video.estimate_bps // 1000 if video is not None and video.estimate_bps else None,
        )

    def look(self) -> None:
        """Reads what viewers reported, and moves those whose path has changed."""
        now_ns = self._clock.now_ns()
        rates = {view.name: {shape.tier: shape.kbps * 1000 for shape in tiers_of(view.spec)} for view in self._views}
        bounds = (self.best, rates)
        changed, self._bounds = bounds != self._bounds, bounds
        watching: dict[str, _Viewer] = {}
        for person in self._attendance.people:
            viewer = self._viewer(person, now_ns)
            if viewer is None:
                continue
            watching[person.id] = viewer
            if changed or viewer.has_news(now_ns):
                viewer.read(now_ns)
                if not viewer.moving:
                    self._decide(person, viewer, rates[self._views.watched(person.view).name], now_ns)
        self._viewers = watching

    def _viewer(self, person: Participant, now_ns: int) -> _Viewer | None:
        link = person.links.get("main")
        downlink = link.watching if link is not None else None
        if link is None or downlink is None:
            return None
        known = self._viewers.get(person.id)
        if known is not None and known.link is link:
            return known
        return _Viewer(link, downlink, TierPolicy(person.tier, now_ns))

    def _decide(self, person: Participant, viewer: _Viewer, rates_bps: Mapping[VideoTier, int], now_ns: int) -> None:
        chosen = CEILINGS[person.tier_choice]
        ceiling = max(chosen, self.best, key=ORDER.index)
        move = viewer.policy.decide(rates_bps, ceiling, now_ns)
        if move is not None:
            if move.reason == "asked" and ceiling != chosen:
                move = replace(move, reason="load")
            self._move(person, viewer, move)

    async def _get(self, command: GetQuality) -> Quality:
        return self.of(self._attendance.participant(command.participant))

    async def _set(self, command: SetQuality) -> Quality:
        """What was given up for one's own choice comes back with it at once; what the path took away has to be won."""
        person = self._attendance.participant(command.participant)
        ceiling, former = max(CEILINGS[command.choice], self.best, key=ORDER.index), person.tier_choice
        person.tier_choice = command.choice
        chosen = person.tier_reason == "asked" or CEILINGS[former] == person.tier
        freed = chosen and command.choice != former
        if ceiling != person.tier and (freed or ORDER.index(person.tier) < ORDER.index(ceiling)):
            viewer = self._viewers.get(person.id)
            if viewer is not None:
                viewer.policy.choose(ceiling, self._clock.now_ns())
            self._move(person, viewer, Move(ceiling, "asked"))
        return self.of(person)

    def _move(self, person: Participant, viewer: _Viewer | None, move: Move) -> None:
        person.tier, person.tier_reason = move.tier, move.reason
        self.moves[move.reason] += 1
        log.info("tier_changed", participant=person.id, tier=move.tier, reason=move.reason)
        quality = e.QualityChanged(to=person.id, tier=move.tier, reason=move.reason, choice=person.tier_choice)
        self._events.emit(quality)
        self._chores.start(self._bring_about(person, viewer))

    async def _bring_about(self, person: Participant, viewer: _Viewer | None) -> None:
        """Does nothing for somebody who isn't connected: their next connection begins in their tier."""
        if viewer is not None:
            viewer.moving = True
        try:
            await self._connections.watch(person)
        finally:
            if viewer is not None:
                viewer.moving = False

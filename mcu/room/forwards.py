"""All that a room forwards: every participant's pictures and voice, and the one thread they go out on."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import structlog

from mcu.clock import Clock
from mcu.frames import VIDEO_CLOCK_HZ
from mcu.protocol.models import Source
from mcu.room.forward_thread import ForwardThread
from mcu.room.forwarding import PictureForward, VoiceForward
from mcu.room.participant import Participant
from mcu.rtc import OutgoingIdentity
from mixer.scene import TileKey
from mixer.timeline import StreamClock

log = structlog.get_logger()

CLOSE_THREAD_S = 2.0


@dataclass(frozen=True, slots=True)
class Forwards:
    """What one participant sends, as it was sent."""

    pictures: dict[Source, PictureForward]
    voice: VoiceForward


class Forwarding:
    """Made and closed by the room; on its event loop. ``everybody()``: the room's topology is ``forward``, so that
    nobody is decoded but for a picture that is drawn. ``on_keyframe_wanted(participant, source)`` asks the source.
    """

    def __init__(
        self,
        room: str,
        identity: OutgoingIdentity,
        clock: Clock,
        on_keyframe_wanted: Callable[[str, Source], None],
        everybody: Callable[[], bool],
    ) -> None:
        self._everybody = everybody
        self._identity = identity
        self._clock = clock
        self._thread = ForwardThread(room)
        self._on_keyframe_wanted = on_keyframe_wanted
        self._people: dict[str, tuple[Participant, Forwards]] = {}

    @property
    def everybody(self) -> bool:
        return self._everybody()

    def of(self, person: Participant) -> Forwards:
        """A person's; made when they first connect."""
        known = self._people.get(person.id)
        if known is not None and known[0] is person:
            return known[1]
        if self.everybody:
            for decoding in person.decodings.values():
                decoding.pause()
        forwards = Forwards(
            {
                "camera": self._picture(person, "camera", person.lipsync.captured_ns),
                "screen": self._picture(person, "screen", StreamClock(VIDEO_CLOCK_HZ).arrived),
            },
            VoiceForward(self._identity, self._thread, person.playout.captured_ns, partial(_lag_ns, person)),
        )
        self._people[person.id] = person, forwards
        return forwards

    def _picture(
        self, person: Participant, source: Source, captured: Callable[[int, int], int | None]
    ) -> PictureForward:
        wanted = partial(self._on_keyframe_wanted, person.id, source)
        return PictureForward(self._identity, self._clock, self._thread, captured, wanted, partial(_lag_ns, person))

    def find(self, key: TileKey) -> PictureForward | None:
        """None before they connected."""
        known = self._people.get(key.participant)
        return known[1].pictures[key.source] if known is not None else None

    def voice(self, participant: str) -> VoiceForward | None:
        known = self._people.get(participant)
        return known[1].voice if known is not None else None

    @property
    def sources(self) -> Iterable[tuple[TileKey, PictureForward]]:
        for who, (_, forwards) in self._people.items():
            for source, forward in forwards.pictures.items():
                yield TileKey(who, source), forward

    @property
    def seen(self) -> frozenset[TileKey]:
        """Those that somebody sees as they were sent; in a room that forwards, all there are."""
        return frozenset(key for key, forward in self.sources if self.everybody or forward.viewers)

    def look(self, now_ns: int) -> None:
        """A few times a second, and after every change of what people send."""
        for person, forwards in self._people.values():
            shown = {picture.key.source: picture.shown for picture in person.pictures}
            for source, forward in forwards.pictures.items():
                forward.close_gate(not shown.get(source, False))
                forward.look(now_ns)
            forwards.voice.close_gate(not person.hears)

    def forget(self, person: Participant) -> None:
        """They have gone. Idempotent."""
        known = self._people.get(person.id)
        if known is None or known[0] is not person:
            return
        del self._people[person.id]
        for forward in known[1].pictures.values():
            forward.close()
        known[1].voice.close()

    async def close(self) -> None:
        """Ends the thread. Idempotent."""
        for person, _ in list(self._people.values()):
            self.forget(person)
        self._thread.close()
        if not await asyncio.to_thread(self._thread.join, CLOSE_THREAD_S):
            log.error("thread_did_not_end", thread="forward")


def _lag_ns(person: Participant) -> int:
    """Of all they send: what is forwarded of it stays together whatever it is."""
    return person.playout.latency_ns or 0

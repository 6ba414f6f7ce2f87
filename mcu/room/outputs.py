"""Who watches a view: what each viewer is sent, and how they go from one tier, source or view to another."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mcu.clock import Clock
from mcu.frames import VideoCodec
from mcu.media.encoding import Effort
from mcu.media.hub import EncoderHub, FrameSink
from mcu.protocol.models import ViewSpec
from mcu.room.encoders import OutputKey, ViewEncoders
from mcu.room.forwarding import PictureForward
from mcu.room.tiers import VideoTier, shape_for
from mcu.rtc import OutgoingIdentity
from mcu.rtc.downlink import Downlink
from mcu.rtc.sender import VideoFanout

HAND_OVER_S = 3.0
"""How long a viewer waits at most for the keyframe of the view or tier they change to; usually within half a second."""
HAND_OVER_POLL_S = 0.02


@dataclass(slots=True)
class _Passed:
    """A viewer who sees one source as it was sent. ``relieved``: their encoder counts on them no more."""

    forward: PictureForward
    relieved: bool = False


class ViewOutputs:
    """What one view sends, to viewers and to sinks. Written on the event loop; ``on_change(hubs)`` publishes the
    encoders to the picture thread, the largest first.
    """

    def __init__(
        self,
        room: str,
        spec: ViewSpec,
        identity: OutgoingIdentity,
        clock: Clock,
        on_change: Callable[[tuple[EncoderHub, ...]], None],
    ) -> None:
        self._encoders = ViewEncoders(room, spec, identity, clock, on_change)
        self._viewers: dict[Downlink, OutputKey] = {}
        self._leaving: dict[Downlink, tuple[OutputKey, ...]] = {}
        self._passed: dict[Downlink, _Passed] = {}

    @property
    def effort(self) -> Effort:
        """What the encoders are like, those of the future too."""
        return self._encoders.effort

    @effort.setter
    def effort(self, effort: Effort) -> None:
        self._encoders.effort = effort

    @property
    def hubs(self) -> dict[OutputKey, EncoderHub]:
        return self._encoders.hubs

    @property
    def fanouts(self) -> dict[OutputKey, VideoFanout]:
        return self._encoders.fanouts

    @property
    def frames(self) -> int:
        """Pictures encoded since the beginning, by all encoders there have been."""
        return self._encoders.frames

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    @property
    def passed(self) -> int:
        """Viewers who see one source as it was sent, or are about to."""
        return len(self._passed)

    def watched(self, downlink: Downlink) -> OutputKey:
        """What a viewer is sent when it is encoded here. Raises KeyError for somebody else's."""
        return self._viewers[downlink]

    def pass_through(self, downlink: Downlink, forward: PictureForward) -> bool:
        """Shows a viewer one source as it was sent, from its next keyframe on; until then they see what they saw.
        False when they can't take it. ``settle`` then ends what nobody needs.
        """
        lane = downlink.video
        if lane is None or downlink not in self._viewers or downlink in self._leaving:
            return False
        if not forward.add(lane, downlink):
            return False
        passed = self._passed.get(downlink)
        self._passed[downlink] = _Passed(forward, passed is not None and passed.relieved)
        return True

    def take_back(self, downlink: Downlink) -> None:
        """Shows a viewer the composite again, from its encoder's next keyframe on. Without effect on others."""
        passed = self._passed.pop(downlink, None)
        if passed is None:
            return
        output = self._encoders.open(self._viewers[downlink])
        output.viewers += passed.relieved
        output.fanout.add(downlink)
        output.hub.request_keyframe()

    def settle(self) -> tuple[OutputKey, ...]:
        """For ``close_unused``: the encoders of those who have come to see a source as it was sent."""
        keys: list[OutputKey] = []
        for downlink, passed in self._passed.items():
            fanout = passed.forward.fanout
            if not passed.relieved and downlink.video is not None and downlink.video.source is fanout:
                passed.relieved = True
                keys += self._release(downlink, (self._viewers[downlink],))
        return tuple(keys)

    @property
    def downlinks(self) -> tuple[Downlink, ...]:
        return tuple(self._viewers)

    def add_viewer(self, downlink: Downlink, codec: VideoCodec, tier: VideoTier = "high") -> None:
        """Shows the view in that tier, or the cheapest it has instead, from its next keyframe on, which is asked for
        here. Whoever sees another tier keeps it until then, and its hub stays until ``let_go``.
        """
        key = self._encoders.key_for(codec, tier)
        former = self._viewers.get(downlink)
        if former == key:
            return
        if self._end_passing(downlink):
            former = None
        leaving = self._leaving.pop(downlink, ())
        output = self._encoders.open(key)
        if key not in leaving:
            output.viewers += 1
        self._viewers[downlink] = key
        self._set_leaving(downlink, (*(one for one in leaving if one != key), *([former] if former else [])))
        output.fanout.add(downlink)
        output.hub.request_keyframe()

    async def remove_viewer(self, downlink: Downlink) -> None:
        """When this returns, no thread uses the downlink any more. Idempotent."""
        await self.close_unused(self.drop_viewer(downlink))

    def drop_viewer(self, downlink: Downlink) -> tuple[OutputKey, ...]:
        """Feeds a viewer nothing any more; what served it, for ``close_unused``. Idempotent."""
        forward = passed.forward if (passed := self._passed.get(downlink)) is not None else None
        relieved = self._end_passing(downlink)
        watched = self._viewers.pop(downlink, None)
        if forward is not None and downlink.video is not None:
            forward.drop(downlink.video)
        watched = None if relieved else watched
        return self._release(downlink, (*self._leaving.pop(downlink, ()), *([watched] if watched else [])))

    def hand_over(self, downlink: Downlink, to: "ViewOutputs") -> None:
        """Moves a viewer to another view of the room. They see this one until the other's next keyframe, and its hub
        stays until ``let_go``. Without effect when the viewer isn't here.
        """
        key = self._viewers.get(downlink)
        if key is not None:
            to.add_viewer(downlink, key.codec, key.tier)
            self.leave(downlink)

    def leave(self, downlink: Downlink) -> None:
        """Another view feeds the viewer from its next keyframe on; then ``let_go``. Without effect when not here."""
        relieved = self._end_passing(downlink)
        key = self._viewers.pop(downlink, None)
        if key is not None and not relieved:
            self._set_leaving(downlink, (*self._leaving.get(downlink, ()), key))

    async def let_go(self, downlink: Downlink) -> None:
        """Waits until a viewer sees the tier or view they were moved to, then frees what served them before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HAND_OVER_S):
                while self._still_feeds(downlink):  # noqa: ASYNC110 - the other hub's thread brings it about
                    await asyncio.sleep(HAND_OVER_POLL_S)
        await self.close_unused(self._release(downlink, self._leaving.pop(downlink, ())))

    def _end_passing(self, downlink: Downlink) -> bool:
        """Forgets that they see a source as it was sent; True when no encoder here counts on them. What they see goes
        on until something else begins.
        """
        passed = self._passed.pop(downlink, None)
        return passed is not None and passed.relieved

    def _still_feeds(self, downlink: Downlink) -> bool:
        source = downlink.video.source if downlink.video is not None else None
        former = (self._encoders[key].fanout for key in self._leaving.get(downlink, ()))
        return source is not None and any(source is fanout for fanout in former)

    def _set_leaving(self, downlink: Downlink, keys: tuple[OutputKey, ...]) -> None:
        if keys:
            self._leaving[downlink] = keys
        else:
            self._leaving.pop(downlink, None)

    def _release(self, downlink: Downlink, keys: tuple[OutputKey, ...]) -> tuple[OutputKey, ...]:
        for key in keys:
            self._encoders[key].viewers -= 1
            self._encoders[key].fanout.remove(downlink)
        return keys

    def request_keyframe(self, downlink: Downlink) -> None:
        key, passed = self._viewers.get(downlink), self._passed.get(downlink)
        if passed is not None:
            passed.forward.want_keyframe()
        if key is not None and key in self._encoders:
            self._encoders[key].hub.request_keyframe()

    def add_sink(self, codec: VideoCodec, sink: FrameSink, keyframe_interval_s: float) -> None:
        """A recorder: it shares the encoder of the viewers of that codec who see the whole canvas."""
        self._encoders.add_sink(codec, sink, keyframe_interval_s)

    async def remove_sink(self, codec: VideoCodec, sink: FrameSink) -> None:
        await self._encoders.remove_sink(codec, sink)

    def restart(self, spec: ViewSpec) -> None:
        """New encoders for another canvas, rate or bitrate; the viewers stay, and go on at the first keyframe. The old
        ones are to be freed with ``close_retired``. Nothing may be recording. Where an encoder can't be opened, this
        raises and all is as before.
        """
        moved = {
            downlink: OutputKey(key.codec, shape_for(spec, key.tier).tier) for downlink, key in self._viewers.items()
        }
        self._encoders.restart(spec, moved)
        self._viewers = moved
        self._leaving.clear()
        self._passed.clear()

    async def close_unused(self, keys: Iterable[OutputKey]) -> None:
        """Ends the encoders among these that nobody uses. Idempotent."""
        await self._encoders.close_unused(keys)

    async def close_retired(self) -> None:
        """Frees what ``restart`` put aside. Idempotent."""
        await self._encoders.close_retired()

    async def close(self) -> None:
        """Closes every encoder. Idempotent."""
        self._viewers.clear()
        self._leaving.clear()
        self._passed.clear()
        await self._encoders.close()

"""The encoders of a view: one hub for each codec and tier that somebody watches or records, never a second one."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mcu.clock import Clock
from mcu.frames import VideoCodec
from mcu.media.encoding import Effort
from mcu.media.hub import EncoderHub, FrameSink
from mcu.protocol.models import ViewSpec
from mcu.room.tiers import VideoTier, shape_for
from mcu.rtc import OutgoingIdentity
from mcu.rtc.downlink import Downlink
from mcu.rtc.sender import VideoFanout


class OutputKey(NamedTuple):
    """Which encoder of a view."""

    codec: VideoCodec
    tier: VideoTier


@dataclass(slots=True)
class Output:
    """An encoder, what sends its packets, and who counts on it."""

    hub: EncoderHub
    fanout: VideoFanout
    viewers: int = 0
    sinks: set[FrameSink] = field(default_factory=set)


class ViewEncoders:
    """Owned by ``ViewOutputs`` and written on the event loop; ``on_change(hubs)`` publishes them to the picture thread,
    the largest first.
    """

    def __init__(
        self,
        room: str,
        spec: ViewSpec,
        identity: OutgoingIdentity,
        clock: Clock,
        on_change: Callable[[tuple[EncoderHub, ...]], None],
    ) -> None:
        self._room = room
        self._spec = spec
        self._identity = identity
        self._clock = clock
        self._on_change = on_change
        self._outputs: dict[OutputKey, Output] = {}
        self._retired: list[Output] = []
        self._past_frames = 0
        self._effort: Effort = "full"

    @property
    def effort(self) -> Effort:
        """What the encoders are like, those of the future too."""
        return self._effort

    @effort.setter
    def effort(self, effort: Effort) -> None:
        self._effort = effort
        for output in self._outputs.values():
            output.hub.effort = effort

    @property
    def hubs(self) -> dict[OutputKey, EncoderHub]:
        return {key: output.hub for key, output in self._outputs.items()}

    @property
    def fanouts(self) -> dict[OutputKey, VideoFanout]:
        return {key: output.fanout for key, output in self._outputs.items()}

    @property
    def frames(self) -> int:
        """Pictures encoded since the beginning, by all encoders there have been."""
        return self._past_frames + sum(output.hub.statistics.frames for output in self._outputs.values())

    def key_for(self, codec: VideoCodec, tier: VideoTier) -> OutputKey:
        """The encoder of that tier, or of the cheapest the view has instead."""
        return OutputKey(codec, shape_for(self._spec, tier).tier)

    def __getitem__(self, key: OutputKey) -> Output:
        return self._outputs[key]

    def __contains__(self, key: OutputKey) -> bool:
        return key in self._outputs

    def open(self, key: OutputKey) -> Output:
        """Makes it where there is none."""
        output = self._outputs.get(key)
        if output is None:
            output = self._outputs[key] = self._made(key, self._spec)
            self._publish()
        return output

    def add_sink(self, codec: VideoCodec, sink: FrameSink, keyframe_interval_s: float) -> None:
        """A recorder: it shares the encoder of the viewers of that codec who see the whole canvas."""
        output = self.open(OutputKey(codec, "high"))
        output.sinks.add(sink)
        output.hub.set_keyframe_interval(keyframe_interval_s)
        output.hub.add_sink(sink)

    async def remove_sink(self, codec: VideoCodec, sink: FrameSink) -> None:
        """Idempotent: what ends by itself may be stopped in the same moment."""
        key = OutputKey(codec, "high")
        output = self._outputs.get(key)
        if output is None:
            return
        output.hub.remove_sink(sink)
        output.sinks.discard(sink)
        if not output.sinks:
            output.hub.set_keyframe_interval(None)
        await self.close_unused([key])

    def restart(self, spec: ViewSpec, watched: Mapping[Downlink, OutputKey]) -> None:
        """New encoders for another canvas, rate or bitrate, and on them the viewers who are to watch each. The old ones
        are to be freed with ``close_retired``. Where an encoder can't be opened, this raises and all is as before.
        """
        fresh: dict[OutputKey, Output] = {}
        try:
            for key in {*watched.values()}:
                fresh[key] = self._made(key, spec)
        except BaseException:
            for output in fresh.values():
                output.hub.close()
            raise
        for downlink, key in watched.items():
            fresh[key].viewers += 1
            fresh[key].fanout.add(downlink)
        self._retired += self._outputs.values()
        self._outputs, self._spec = fresh, spec
        self._publish()

    async def close_unused(self, keys: Iterable[OutputKey]) -> None:
        """Ends the hubs among these that nobody uses. Idempotent."""
        unused = []
        for key in keys:
            output = self._outputs.get(key)
            if output is not None and output.viewers == 0 and not output.sinks:
                unused.append(self._outputs.pop(key))
                self._past_frames += output.hub.statistics.frames
        if unused:
            self._publish()
            await asyncio.gather(*(output.hub.aclose() for output in unused))

    async def close_retired(self) -> None:
        """Frees what ``restart`` put aside. Idempotent."""
        retired, self._retired = self._retired, []
        self._past_frames += sum(output.hub.statistics.frames for output in retired)
        await asyncio.gather(*(output.hub.aclose() for output in retired))
        for output in retired:
            output.fanout.close()

    async def close(self) -> None:
        """Closes every hub. Idempotent."""
        self._retired += self._outputs.values()
        self._outputs.clear()
        self._on_change(())
        await self.close_retired()

    def _publish(self) -> None:
        hubs = (output.hub for output in self._outputs.values())
        self._on_change(tuple(sorted(hubs, key=lambda hub: -hub.width)))

    def _made(self, key: OutputKey, spec: ViewSpec) -> Output:
        shape = shape_for(spec, key.tier)
        name = f"{self._room}/{spec.name}/{key.codec}/{key.tier}"
        size, bitrate_bps = shape.size, shape.kbps * 1000
        hub = EncoderHub(name, key.codec, size.width, size.height, spec.fps, bitrate_bps, self._clock, self._effort)
        fanout = VideoFanout(self._identity, key.codec, self._clock)
        hub.add_sink(fanout)
        hub.start()
        return Output(hub, fanout)

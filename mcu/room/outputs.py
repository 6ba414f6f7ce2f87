"""What a view sends: one encoder hub for each codec that somebody watches or records, and never a second one."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from mcu.clock import Clock
from mcu.frames import VideoCodec
from mcu.media.hub import EncoderHub, FrameSink
from mcu.protocol.models import ViewSpec
from mcu.rtc import OutgoingIdentity
from mcu.rtc.downlink import Downlink
from mcu.rtc.sender import VideoFanout


def new_identity(room: str) -> OutgoingIdentity:
    """Fresh, distinct SSRCs (RFC 3550, section 8) for a view."""
    ssrcs: set[int] = set()
    while len(ssrcs) < 3:
        ssrcs.add(secrets.randbelow(2**32 - 1) + 1)
    video, rtx, audio = ssrcs
    return OutgoingIdentity(video, rtx, audio, cname=f"mcu-{secrets.token_hex(6)}")


@dataclass(slots=True)
class _Output:
    hub: EncoderHub
    fanout: VideoFanout
    viewers: int = 0
    sinks: int = 0


class ViewOutputs:
    """The hubs of one view. Written on the event loop; ``on_change(hubs)`` publishes them to the picture thread."""

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
        self._outputs: dict[VideoCodec, _Output] = {}
        self._viewers: dict[Downlink, VideoCodec] = {}

    @property
    def hubs(self) -> dict[VideoCodec, EncoderHub]:
        return {codec: output.hub for codec, output in self._outputs.items()}

    @property
    def fanouts(self) -> dict[VideoCodec, VideoFanout]:
        return {codec: output.fanout for codec, output in self._outputs.items()}

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def add_viewer(self, downlink: Downlink, codec: VideoCodec) -> None:
        """The viewer sees the next keyframe, which is asked for here. Adding it twice changes nothing."""
        if downlink in self._viewers:
            return
        output = self._open(codec)
        output.viewers += 1
        self._viewers[downlink] = codec
        output.fanout.add(downlink)
        output.hub.request_keyframe()

    async def remove_viewer(self, downlink: Downlink) -> None:
        """When this returns, no thread uses the downlink any more. Idempotent."""
        codec = self._viewers.pop(downlink, None)
        if codec is None:
            return
        output = self._outputs[codec]
        output.viewers -= 1
        output.fanout.remove(downlink)
        await self._close_unused(codec)

    def request_keyframe(self, downlink: Downlink) -> None:
        codec = self._viewers.get(downlink)
        if codec is not None:
            self._outputs[codec].hub.request_keyframe()

    def add_sink(self, codec: VideoCodec, sink: FrameSink, keyframe_interval_s: float) -> None:
        """A recorder: it shares the encoder of the viewers of that codec."""
        output = self._open(codec)
        output.sinks += 1
        output.hub.set_keyframe_interval(keyframe_interval_s)
        output.hub.add_sink(sink)

    async def remove_sink(self, codec: VideoCodec, sink: FrameSink) -> None:
        output = self._outputs.get(codec)
        if output is None:
            return
        output.hub.remove_sink(sink)
        output.sinks -= 1
        if output.sinks == 0:
            output.hub.set_keyframe_interval(None)
        await self._close_unused(codec)

    async def close(self) -> None:
        """Closes every hub. Idempotent."""
        outputs = list(self._outputs.values())
        self._outputs.clear()
        self._viewers.clear()
        self._on_change(())
        await asyncio.gather(*(output.hub.aclose() for output in outputs))

    def _open(self, codec: VideoCodec) -> _Output:
        output = self._outputs.get(codec)
        if output is None:
            spec = self._spec
            hub = EncoderHub(
                f"{self._room}/{spec.name}/{codec}",
                codec,
                spec.width,
                spec.height,
                spec.fps,
                spec.video_kbps * 1000,
                self._clock,
            )
            fanout = VideoFanout(self._identity, codec, self._clock)
            hub.add_sink(fanout)
            hub.start()
            output = self._outputs[codec] = _Output(hub, fanout)
            self._on_change(tuple(self.hubs.values()))
        return output

    async def _close_unused(self, codec: VideoCodec) -> None:
        output = self._outputs.get(codec)
        if output is not None and output.viewers == 0 and output.sinks == 0:
            del self._outputs[codec]
            self._on_change(tuple(self.hubs.values()))
            await output.hub.aclose()

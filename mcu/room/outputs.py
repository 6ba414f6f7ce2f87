"""What a view sends: one encoder hub for each codec that somebody watches or records, and never a second one."""

import asyncio
import contextlib
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

HAND_OVER_S = 3.0
"""How long a viewer waits at most for the keyframe of the view they change to; usually within half a second."""
HAND_OVER_POLL_S = 0.02


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
        self._leaving: dict[Downlink, VideoCodec] = {}
        self._retired: list[_Output] = []

    @property
    def hubs(self) -> dict[VideoCodec, EncoderHub]:
        return {codec: output.hub for codec, output in self._outputs.items()}

    @property
    def fanouts(self) -> dict[VideoCodec, VideoFanout]:
        return {codec: output.fanout for codec, output in self._outputs.items()}

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    @property
    def downlinks(self) -> tuple[Downlink, ...]:
        return tuple(self._viewers)

    def add_viewer(self, downlink: Downlink, codec: VideoCodec) -> None:
        """The viewer sees the next keyframe, which is asked for here. Adding it twice changes nothing."""
        if downlink in self._viewers:
            return
        output = self._open(codec)
        if self._leaving.pop(downlink, None) is None:
            output.viewers += 1
        self._viewers[downlink] = codec
        output.fanout.add(downlink)
        output.hub.request_keyframe()

    async def remove_viewer(self, downlink: Downlink) -> None:
        """When this returns, no thread uses the downlink any more. Idempotent."""
        codec = self._viewers.pop(downlink, None) or self._leaving.pop(downlink, None)
        if codec is None:
            return
        output = self._outputs[codec]
        output.viewers -= 1
        output.fanout.remove(downlink)
        await self._close_unused(codec)

    def hand_over(self, downlink: Downlink, to: "ViewOutputs") -> None:
        """Moves a viewer to another view of the room. They see this one until the other's next keyframe, and its hub
        stays until ``let_go``. Without effect when the viewer isn't here.
        """
        codec = self._viewers.get(downlink)
        if codec is not None:
            to.add_viewer(downlink, codec)
            self._leaving[downlink] = self._viewers.pop(downlink)

    async def let_go(self, downlink: Downlink) -> None:
        """Waits until a viewer that was handed over sees the other view, then frees what served it here."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HAND_OVER_S):
                while self._still_feeds(downlink):  # noqa: ASYNC110 - the other hub's thread brings it about
                    await asyncio.sleep(HAND_OVER_POLL_S)
        if downlink in self._leaving:
            await self.remove_viewer(downlink)

    def _still_feeds(self, downlink: Downlink) -> bool:
        codec, lane = self._leaving.get(downlink), downlink.video
        return codec is not None and lane is not None and lane.source is self._outputs[codec].fanout

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

    def restart(self, spec: ViewSpec) -> None:
        """New encoders for another canvas, rate or bitrate; the viewers stay, and go on at the first keyframe. The old
        ones are to be freed with ``close_retired``. Nothing may be recording. Where an encoder can't be opened, this
        raises and all is as before.
        """
        fresh: dict[VideoCodec, _Output] = {}
        try:
            for codec in {*self._viewers.values()}:
                fresh[codec] = self._made(codec, spec)
        except BaseException:
            for output in fresh.values():
                output.hub.close()
            raise
        for downlink, codec in self._viewers.items():
            fresh[codec].viewers += 1
            fresh[codec].fanout.add(downlink)
        self._retired += self._outputs.values()
        self._outputs, self._spec = fresh, spec
        self._leaving.clear()
        self._on_change(tuple(self.hubs.values()))

    async def close_retired(self) -> None:
        """Frees what ``restart`` put aside. Idempotent."""
        retired, self._retired = self._retired, []
        await asyncio.gather(*(output.hub.aclose() for output in retired))
        for output in retired:
            output.fanout.close()

    async def close(self) -> None:
        """Closes every hub. Idempotent."""
        self._retired += self._outputs.values()
        self._outputs.clear()
        self._viewers.clear()
        self._leaving.clear()
        self._on_change(())
        await self.close_retired()

    def _open(self, codec: VideoCodec) -> _Output:
        output = self._outputs.get(codec)
        if output is None:
            output = self._outputs[codec] = self._made(codec, self._spec)
            self._on_change(tuple(self.hubs.values()))
        return output

    def _made(self, codec: VideoCodec, spec: ViewSpec) -> _Output:
        name = f"{self._room}/{spec.name}/{codec}"
        bitrate_bps = spec.video_kbps * 1000
        hub = EncoderHub(name, codec, spec.width, spec.height, spec.fps, bitrate_bps, self._clock)
        fanout = VideoFanout(self._identity, codec, self._clock)
        hub.add_sink(fanout)
        hub.start()
        return _Output(hub, fanout)

    async def _close_unused(self, codec: VideoCodec) -> None:
        output = self._outputs.get(codec)
        if output is not None and output.viewers == 0 and output.sinks == 0:
            del self._outputs[codec]
            self._on_change(tuple(self.hubs.values()))
            await output.hub.aclose()

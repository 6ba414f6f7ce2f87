"""The live outputs of a room: each fed by its view's own encoder, and the full mix of the group it shows."""

import asyncio
import secrets
import shutil
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import structlog

from mcu.clock import NS_PER_S, Clock
from mcu.config import EngineConfig
from mcu.errors import Conflict, Forbidden, Internal, NotFound, Unprocessable
from mcu.outputs.output import Output, Patience
from mcu.outputs.pipe import Setup
from mcu.outputs.srt import ADVICE, SrtLibrary, srt_options
from mcu.protocol import commands as c
from mcu.protocol.outputs import (
    ListOutputs,
    NewOutput,
    OutputInfo,
    OutputKind,
    OutputList,
    StartOutput,
    StopOutput,
)
from mcu.room.outputs import ViewOutputs
from mcu.room.snapshot import NO_GROUP
from mcu.room.sounds import RoomSounds
from mcu.room.view import View
from mcu.room.views import Views

log = structlog.get_logger()

KEYFRAME_INTERVAL_S = 2.0
"""What most services ask for, and how long a new viewer of HLS waits for a picture."""
REMEMBERED = 16
"""Outputs that have ended and are still listed, with their reasons."""


@dataclass(slots=True)
class _Broadcast:
    info: OutputInfo
    output: Output
    outputs: ViewOutputs
    folder: Path | None
    started_ns: int
    told: OutputInfo | None = None


class Broadcasts:
    """Carries out the commands on outputs. On the room's event loop; ``on_change`` is told of every new state."""

    def __init__(
        self,
        room: str,
        config: EngineConfig,
        clock: Clock,
        views: Views,
        sounds: RoomSounds,
        on_change: Callable[[OutputInfo], None],
    ) -> None:
        self._room = room
        self._config = config
        self._clock = clock
        self._views = views
        self._sounds = sounds
        self._on_change = on_change
        self._running: dict[str, _Broadcast] = {}
        self._opening: list[str] = []  # the views of those that are being made
        self._closed = False
        self._ended: deque[OutputInfo] = deque(maxlen=REMEMBERED)
        self._past_bytes: Counter[OutputKind] = Counter()
        self._past_restarts: Counter[OutputKind] = Counter()
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            StartOutput: self._start,
            StopOutput: self._stop,
            ListOutputs: self._list,
        }

    @property
    def views(self) -> tuple[str, ...]:
        """Those that are being sent out."""
        return tuple(dict.fromkeys(one.info.view for one in self._running.values()))

    def active_in(self, view: str) -> bool:
        return view in self.views or view in self._opening

    @property
    def infos(self) -> tuple[OutputInfo, ...]:
        """Those that run."""
        return tuple(self._info(one) for one in self._running.values())

    @property
    def bytes_sent(self) -> Mapping[OutputKind, int]:
        """By all outputs there have been."""
        return self._past_bytes + self._counted("bytes_sent")

    @property
    def restarts(self) -> Mapping[OutputKind, int]:
        return self._past_restarts + self._counted("restarts")

    async def poll(self) -> None:
        """Tells of states that changed by themselves, and ends what was given up."""
        for broadcast in tuple(self._running.values()):
            info = self._info(broadcast)
            if info.state in ("failed", "ended"):
                await self._end(broadcast)
            else:
                self._tell(broadcast, info)

    async def close(self) -> None:
        """Ends every output. Idempotent."""
        self._closed = True
        await asyncio.gather(*(self._end(broadcast) for broadcast in tuple(self._running.values())))

    async def _start(self, command: StartOutput) -> OutputInfo:
        wanted = command.output
        await asyncio.to_thread(self._check, wanted)  # it may load SRT's library
        view = self._views.get(wanted.view)
        if len(self._running) + len(self._opening) >= self._config.outputs_per_room:
            raise Conflict(
                f"a room has at most {self._config.outputs_per_room} outputs: stop one first", code="too_many_outputs"
            )
        identifier = secrets.token_hex(8) if command.id is None or command.id in self._running else command.id
        self._opening.append(view.name)
        try:
            broadcast = await asyncio.to_thread(self._made, identifier, wanted, view, again=command.id is not None)
        except OSError as error:
            raise Internal(f"the output can't be written: {error.strerror or error}") from error
        finally:
            self._opening.remove(view.name)
        self._running[identifier] = broadcast
        try:
            self._feed(broadcast, view)
        except BaseException:
            await self._end(broadcast)
            raise
        info = self._info(broadcast)
        self._tell(broadcast, info)
        log.info("output_started", room=self._room, output=info.id, kind=info.kind, view=info.view, host=wanted.host)
        return info

    def _feed(self, broadcast: _Broadcast, view: View) -> None:
        """Raises what an encoder raises that can't be opened, or NotFound when the room has closed meanwhile."""
        if self._closed:
            raise NotFound("this room has been closed", code="no_such_room")
        view.outputs.add_sink("H264", broadcast.output, KEYFRAME_INTERVAL_S)
        self._sounds.sinks = (*self._sounds.sinks, (broadcast.output, view.spec.group or NO_GROUP))

    def _check(self, wanted: NewOutput) -> None:
        """Off the loop. Raises Unprocessable or Forbidden."""
        if wanted.resolved_kind == "srt":
            _check_srt(wanted.url or "")
        hosts = self._config.output_hosts
        if wanted.host is not None and hosts and not any(_within(wanted.host, host) for host in hosts):
            raise Forbidden("this server sends nothing to that host", code="host_not_allowed", field="url")

    def _made(self, identifier: str, wanted: NewOutput, view: View, *, again: bool) -> _Broadcast:
        """Touches the disk, and starts a thread."""
        kind, folder, playlist = wanted.resolved_kind, None, None
        if kind == "hls":
            folder = self._config.outputs_dir.absolute() / identifier
            folder.mkdir(parents=True, exist_ok=True)
            playlist = f"/api/v1/rooms/{quote(self._room, safe='')}/outputs/{identifier}/hls/index.m3u8"
        setup = Setup(
            kind, str(folder or wanted.url), view.spec.fps, wanted.token, again, verify=self._config.output_verify
        )
        output = Output(identifier, setup, Patience(attempts=self._config.output_attempts))
        output.start()
        info = OutputInfo(
            id=identifier,
            room=self._room,
            kind=kind,
            view=view.name,
            state="starting",
            url=wanted.shown_url,
            playlist=playlist,
            started_at=datetime.now(UTC),
            duration_s=0.0,
            bytes_sent=0,
        )
        return _Broadcast(info, output, view.outputs, folder, self._clock.now_ns())

    async def _stop(self, command: StopOutput) -> OutputInfo:
        """Stopping twice gives the same answer."""
        broadcast = self._running.get(command.id)
        if broadcast is not None:
            await self._end(broadcast)
        ended = next((info for info in reversed(self._ended) if info.id == command.id), None)
        if ended is None:
            raise NotFound("there is no such output in this room: list them", code="no_such_output")
        return ended

    async def _list(self, _: ListOutputs) -> OutputList:
        return OutputList(outputs=(*self._ended, *self.infos))

    async def _end(self, broadcast: _Broadcast) -> None:
        output = broadcast.output
        self._sounds.sinks = tuple(tap for tap in self._sounds.sinks if tap[0] is not output)
        await broadcast.outputs.remove_sink("H264", output)
        await output.aclose()
        if broadcast.folder is not None:
            with suppress(FileNotFoundError):
                await asyncio.to_thread(shutil.rmtree, broadcast.folder)
        if self._running.pop(broadcast.info.id, None) is None:
            return
        info = self._info(broadcast)
        if info.state not in ("failed", "ended"):
            info = info.model_copy(update={"state": "ended"})
        self._past_bytes[info.kind] += info.bytes_sent
        self._past_restarts[info.kind] += info.restarts
        self._ended.append(info)
        self._tell(broadcast, info)
        log.info("output_finished", room=self._room, output=info.id, state=info.state, error=info.error)

    def _tell(self, broadcast: _Broadcast, info: OutputInfo) -> None:
        if broadcast.told is None or broadcast.told.state != info.state:
            broadcast.told = info
            self._on_change(info)

    def _info(self, broadcast: _Broadcast) -> OutputInfo:
        counted = broadcast.output.statistics
        return broadcast.info.model_copy(
            update={
                "state": counted.state,
                "duration_s": (self._clock.now_ns() - broadcast.started_ns) / NS_PER_S,
                "bytes_sent": counted.bytes_sent,
                "restarts": counted.restarts,
                "dropped": counted.dropped,
                "error": counted.error,
            }
        )

    def _counted(self, what: str) -> Counter[OutputKind]:
        counted: Counter[OutputKind] = Counter()
        for info in self.infos:
            counted[info.kind] += getattr(info, what)
        return counted


def _check_srt(url: str) -> None:
    try:
        srt_options(urlsplit(url).query)
        SrtLibrary()
    except ValueError as error:
        raise Unprocessable(str(error), field="url") from None
    except OSError as error:
        raise Unprocessable(error.strerror or ADVICE, code="srt_unavailable", field="kind") from None


def _within(host: str, allowed: str) -> bool:
    """``*.example.org`` allows everything below that, and nothing else."""
    if allowed.startswith("*."):
        return host.endswith(allowed[1:].lower())
    return host == allowed.lower()

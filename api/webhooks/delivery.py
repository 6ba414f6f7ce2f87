"""One endpoint's deliveries: in each room's order, many rooms at once, again and again until it says yes.

The outbox is the only state: who restarts goes on where the rows say. An event leaves it when the endpoint answered
2xx, so one whose answer was lost is sent twice.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx
import structlog

from api.settings import OutboxSettings
from api.webhooks.endpoint import Endpoint
from api.webhooks.signature import signed_headers
from mcu.clock import NS_PER_MS, Clock
from mcu.errors import McuError
from mcu.store.interfaces import OutboxEntry, Transactions

log = structlog.get_logger()

LANES: Final = 8
"""Rooms that are delivered at once: one whose events hang holds one of them, for as long as a timeout."""
BATCH: Final = 16
FIRST_BACKOFF_S: Final = 1.0
TRIM_EVERY_S: Final = 5.0
STORE_PAUSE_S: Final = 1.0
MAX_ANSWER_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class DeliveryStatistics:
    """``failed`` counts attempts; ``dropped`` events that were too old or too many."""

    delivered: int = 0
    failed: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, and how long the endpoint wishes to be left alone (``Retry-After``)."""

    reason: str
    wish_s: float = 0.0


class Delivery:
    """Used on one event loop. ``jitter()`` is between 0 and 1."""

    def __init__(
        self,
        endpoint: Endpoint,
        store: Transactions,
        http: httpx.AsyncClient,
        limits: OutboxSettings,
        clock: Clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.endpoint = endpoint
        self.statistics = DeliveryStatistics()
        self._store = store
        self._http = http
        self._limits = limits
        self._clock = clock
        self._jitter = jitter
        self._wake = asyncio.Event()
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._trimmed_ns: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._log = log.bind(endpoint=endpoint.name)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"webhooks-{self.endpoint.name}")

    def wake(self) -> None:
        """There may be something new in the outbox."""
        self._wake.set()

    async def close(self) -> None:
        """Stops at once; what was under way is sent again after the next start. Idempotent."""
        tasks = [*self._lanes.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def pending(self) -> int:
        """Raises StoreUnavailable."""
        async with self._store.read() as unit:
            return await unit.outbox.pending(self.endpoint.name)

    # Choosing

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._trim()
                pause_s = await self._begin_lanes()
            except McuError as error:
                self._log.warning("outbox_unavailable", error=error.message)
                pause_s = STORE_PAUSE_S
            except Exception:
                # The boundary of one endpoint: what one round met must not end the later ones.
                self._log.exception("delivery_failed")
                pause_s = STORE_PAUSE_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()

    async def _begin_lanes(self) -> float:
        """Begins with every room that is due, as far as there are lanes; how long until the next one is."""
        async with self._store.read() as unit:
            heads = await unit.outbox.heads(self.endpoint.name, LANES + len(self._lanes))
        pause_s = TRIM_EVERY_S
        for head in heads:
            wait_s = self._wait_s(head)
            if head.room in self._lanes:
                continue
            if wait_s > 0:
                pause_s = min(pause_s, wait_s)
            elif len(self._lanes) < LANES:
                lane = asyncio.get_running_loop().create_task(self._deliver(head.room))
                self._lanes[head.room] = lane
                lane.add_done_callback(partial(self._lane_ended, head.room))
        return pause_s

    def _wait_s(self, entry: OutboxEntry) -> float:
        wait_s = (entry.next_ms - self._now_ms) / 1000
        # Longer than any pause: the wall clock was set back since.
        return 0.0 if wait_s > self._limits.max_backoff_s else wait_s

    def _lane_ended(self, room: str, _: asyncio.Task[None]) -> None:
        del self._lanes[room]
        self._wake.set()

    async def _trim(self) -> None:
        """Keeps the outbox within its bounds."""
        now_ns = self._clock.now_ns()
        if self._trimmed_ns is not None and now_ns - self._trimmed_ns < TRIM_EVERY_S * 1e9:
            return
        self._trimmed_ns = now_ns
        oldest_ms = self._now_ms - self._limits.max_age_s * 1000
        async with self._store.write() as unit:
            dropped = await unit.outbox.trim(self.endpoint.name, self._limits.max_events, oldest_ms)
        if dropped:
            self.statistics.dropped += dropped
            self._log.error("webhooks_dropped", events=dropped, dropped=self.statistics.dropped)

    # Sending

    async def _deliver(self, room: str) -> None:
        """The room's oldest events, one after the other, up to the first that fails."""
        try:
            async with self._store.read() as unit:
                entries = await unit.outbox.lane(self.endpoint.name, room, BATCH)
            for entry in entries:
                failure = await self._attempt(entry)
                if failure is not None:
                    await self._postpone(entry, failure)
                    return
                self.statistics.delivered += 1
                async with self._store.write() as unit:
                    await unit.outbox.done(entry.id)
        except McuError as error:
            self._log.warning("outbox_unavailable", room=room, error=error.message)
            await asyncio.sleep(STORE_PAUSE_S)
        except Exception:
            # The boundary of one room: it is tried again, and not at once.
            self._log.exception("delivery_failed", room=room)
            await asyncio.sleep(STORE_PAUSE_S)

    async def _attempt(self, entry: OutboxEntry) -> Failure | None:
        """What went wrong; None when the endpoint took it."""
        body = entry.body.encode()
        headers = signed_headers(self.endpoint.key, entry.event, self._clock.wall_ns() // 10**9, body)
        headers["content-type"] = "application/json"
        try:
            async with (
                asyncio.timeout(self._limits.timeout_s),
                self._http.stream("POST", self.endpoint.url, content=body, headers=headers) as response,
            ):
                await _read_off(response)
                if response.is_success:
                    return None
                return Failure(f"HTTP {response.status_code}", _seconds(response.headers.get("retry-after", "")))
        except Exception as error:
            # The boundary to other people's servers: whatever became of an attempt, it failed, and is logged as such.
            return Failure(type(error).__name__)

    async def _postpone(self, entry: OutboxEntry, failure: Failure) -> None:
        self.statistics.failed += 1
        attempts = entry.attempts + 1
        pause_s = min(FIRST_BACKOFF_S * 2 ** min(attempts - 1, 20), self._limits.max_backoff_s)
        pause_s = max(pause_s * (0.5 + 0.5 * self._jitter()), min(failure.wish_s, self._limits.max_backoff_s))
        if attempts & (attempts - 1) == 0:
            failed = {"attempts": attempts, "error": failure.reason, "retry_in_s": pause_s}
            self._log.warning("webhook_failed", room=entry.room, **failed)
        async with self._store.write() as unit:
            await unit.outbox.postpone(entry.id, attempts, self._now_ms + round(pause_s * 1000))

    @property
    def _now_ms(self) -> int:
        return self._clock.wall_ns() // NS_PER_MS


def _seconds(retry_after: str) -> float:
    """Of a ``Retry-After`` in seconds (RFC 9110, 10.2.3); 0 for dates, which tell of somebody else's clock."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdecimal() and len(retry_after) < 10 else 0.0


async def _read_off(response: httpx.Response) -> None:
    """Reads a short answer to its end, so that the connection serves the next event too."""
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            return

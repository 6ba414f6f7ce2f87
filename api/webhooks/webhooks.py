"""All webhooks of a server: from its settings to running deliveries, and what is measured of them."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

import httpx
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.settings import Settings
from api.webhooks.delivery import LANES, Delivery
from api.webhooks.endpoint import Endpoint, WebhookAnnouncer
from mcu.clock import Clock, SystemClock
from mcu.errors import StoreUnavailable
from mcu.store.interfaces import Transactions

log = structlog.get_logger()

_LABELS: Final = ("endpoint",)


class Webhooks:
    """Used on one event loop. ``announcer`` turns rooms' news into entries of the outbox; ``wake`` says that some were
    written.
    """

    def __init__(self, settings: Settings, store: Transactions, clock: Clock | None = None) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock or SystemClock()
        self._endpoints = [Endpoint.of(one) for one in settings.webhooks]
        self._http: httpx.AsyncClient | None = None
        self._deliveries: list[Delivery] = []
        self.announcer = WebhookAnnouncer(self._endpoints)

    async def start(self) -> None:
        """Goes on with what waits since the last run. What waits for endpoints that the settings no longer name is
        dropped. Raises StoreUnavailable.
        """
        async with self._store.write() as unit:
            dropped = await unit.outbox.keep_only([endpoint.name for endpoint in self._endpoints])
        if dropped:
            log.warning("webhooks_dropped", events=dropped, reason="the settings don't name their endpoint any more")
        if not self._endpoints:
            return
        self._http = httpx.AsyncClient(
            verify=await asyncio.to_thread(httpx.create_ssl_context),
            follow_redirects=False,
            trust_env=False,
            timeout=self._settings.outbox.timeout_s,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=LANES * len(self._endpoints)),
            headers={"user-agent": "mosaic-mcu"},
        )
        for endpoint in self._endpoints:
            delivery = Delivery(endpoint, self._store, self._http, self._settings.outbox, self._clock)
            self._deliveries.append(delivery)
            delivery.start()

    def wake(self) -> None:
        for delivery in self._deliveries:
            delivery.wake()

    async def metrics(self) -> str:
        """In the Prometheus text format; without ``pending`` while the store is down."""
        pending: list[int | None] = []
        for delivery in self._deliveries:
            try:
                pending.append(await delivery.pending())
            except StoreUnavailable:
                pending.append(None)
        registry = CollectorRegistry()
        registry.register(_Page(self._deliveries, pending))
        return generate_latest(registry).decode()

    async def close(self) -> None:
        """Idempotent."""
        await asyncio.gather(*(delivery.close() for delivery in self._deliveries))
        if self._http is not None:
            await self._http.aclose()


class _Page(Collector):
    def __init__(self, deliveries: Sequence[Delivery], pending: Sequence[int | None]) -> None:
        self._rows = tuple(zip(deliveries, pending, strict=True))

    def collect(self) -> Iterable[Metric]:
        if not self._rows:
            return
        waiting = GaugeMetricFamily("mcu_webhooks_pending", "Events that wait in the outbox", labels=_LABELS)
        delivered = CounterMetricFamily("mcu_webhooks_delivered", "Events that were taken", labels=_LABELS)
        failed = CounterMetricFamily("mcu_webhooks_failed", "Attempts that failed", labels=_LABELS)
        dropped = CounterMetricFamily("mcu_webhooks_dropped", "Events too old or too many", labels=_LABELS)
        for delivery, count in self._rows:
            name, counted = (delivery.endpoint.name,), delivery.statistics
            if count is not None:
                waiting.add_metric(name, count)
            delivered.add_metric(name, counted.delivered)
            failed.add_metric(name, counted.failed)
            dropped.add_metric(name, counted.dropped)
        yield from (waiting, delivered, failed, dropped)

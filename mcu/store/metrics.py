"""The store on ``/metrics``, in the Prometheus text format."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcu.store.journal import JournalStatistics


class _Journal(Collector):
    def __init__(self, statistics: JournalStatistics) -> None:
        self._statistics = statistics

    def collect(self) -> Iterable[Metric]:
        counted = self._statistics
        yield GaugeMetricFamily("mcu_store_up", "1 while the store takes what is written", float(counted.available))
        yield GaugeMetricFamily("mcu_store_waiting", "Changes that are not written yet", counted.waiting)
        yield CounterMetricFamily("mcu_store_changes", "Changes written", counted.written)
        yield CounterMetricFamily("mcu_store_failures", "Attempts to write that failed", counted.failures)
        yield CounterMetricFamily("mcu_store_dropped", "Changes given up", counted.dropped)


def render_store_metrics(statistics: JournalStatistics) -> str:
    registry = CollectorRegistry()
    registry.register(_Journal(statistics))
    return generate_latest(registry).decode()

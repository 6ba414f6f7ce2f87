"""What is measured of the worker processes themselves, in the Prometheus text format."""

from collections.abc import Iterator

from mcu.engine.exposition import expose
from mcu.engine.fleet import Fleet


def worker_pages(fleet: Fleet) -> Iterator[str]:
    workers = {f'worker="{worker.number}"': worker for worker in fleet.workers}
    figures = {label: worker.figures for label, worker in workers.items() if worker.ready}
    up = {label: float(worker.ready) for label, worker in workers.items()}
    yield expose("gauge", "mcu_worker_up", "1 while the worker process takes rooms", up)
    for name, text, values in (
        ("rooms", "Rooms in the worker", {label: one.rooms for label, one in figures.items()}),
        ("participants", "People in its rooms", {label: one.participants for label, one in figures.items()}),
        ("cpu_share", "Of one core, over a second", {label: one.cpu_share for label, one in figures.items()}),
        ("resident_bytes", "Its memory", {label: one.resident_bytes for label, one in figures.items()}),
    ):
        yield expose("gauge", f"mcu_worker_{name}", text, values)
    cpu = {label: one.cpu_s for label, one in figures.items()}
    yield expose("counter", "mcu_worker_cpu_seconds_total", "CPU time of the worker process", cpu)
    if fleet.spare is not None:
        text = "1 while a process waits to take the place of one that ends"
        yield expose("gauge", "mcu_spare_worker_ready", text, {"": float(fleet.spare.ready)})
    yield counter("mcu_worker_restarts_total", "Workers started again after they ended", fleet.restarts)


def counter(name: str, text: str, value: float) -> str:
    return expose("counter", name, text, {"": value})

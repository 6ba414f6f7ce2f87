"""Several workers' metrics on one page, as a Prometheus server reads it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mcu.engine.exposition import expose, merge


def page(room: str, rooms: int, ticks: int) -> str:
    registry = CollectorRegistry()
    Gauge("mcu_rooms", "Open rooms", registry=registry).set(rooms)
    counter = Counter("mcu_ticks", "Ticks played", ["room", "thread"], registry=registry)
    counter.labels(room, "picture").inc(ticks)
    return generate_latest(registry).decode()


def read(text: str) -> dict[str, tuple[str, dict[tuple[str, ...], float]]]:
    """Type and samples by family; the labels' values in their order."""
    found = {}
    for family in text_string_to_metric_families(text):
        samples = {tuple(one.labels.values()): one.value for one in family.samples if not one.name.endswith("_created")}
        assert family.name not in found, "a family is on the page twice"
        found[family.name] = (family.type, samples)
    return found


def test_rooms_stand_side_by_side_and_totals_are_added_up() -> None:
    merged = read(merge([page("a room", 1, 5), page('b "quoted" \\ \n', 2, 7), page("a room", 0, 1)]))
    assert merged["mcu_rooms"] == ("gauge", {(): 3.0})
    assert merged["mcu_ticks"] == (
        "counter",
        {("a room", "picture"): 6.0, ('b "quoted" \\ \n', "picture"): 7.0},
    )


def test_a_page_of_ones_own_is_merged_with_the_others() -> None:
    own = expose("gauge", "mcu_worker_up", "1 while it is up", {'worker="1"': 1.0, 'worker="2"': 0.0})
    merged = read(merge([page("a", 1, 1), own]))
    assert merged["mcu_worker_up"] == ("gauge", {("1",): 1.0, ("2",): 0.0})
    assert merged["mcu_rooms"] == ("gauge", {(): 1.0})


def test_no_worker_no_metrics() -> None:
    assert merge([]) == ""
    assert read(merge([page("a", 1, 1)])) == read(page("a", 1, 1))

"""Where the rooms of a test run. Tests that go through a server's doors ask ``real_engine`` for their engine, and pass
with either: ``pytest --engine workers -m both_engines`` runs them with rooms in a worker process, as ``mcu serve`` has
them, where they otherwise take the engine of one process, which starts faster.
"""

from collections.abc import Awaitable, Callable

import pytest

from mcu.config import EngineConfig
from mcu.engine.engine import Engine

StartEngine = Callable[[EngineConfig], Awaitable[Engine]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        choices=("inline", "workers"),
        default="inline",
        help="where rooms of tests marked both_engines run (default: inline)",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and "real_engine" in item.fixturenames:
            item.add_marker("both_engines")


CLOSE_TIMEOUT_S = 8.0
"""A server has 1.7 s for it, and leaves workers that need longer to end by themselves: here they would be warned of."""


@pytest.fixture
def real_engine(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> StartEngine:
    """Starts an engine with real rooms. Whoever asks closes it."""
    workers = pytestconfig.getoption("engine") == "workers"
    monkeypatch.setattr("api.app.ENGINE_CLOSE_TIMEOUT_S", CLOSE_TIMEOUT_S)

    async def start(config: EngineConfig) -> Engine:
        # Loaded when it is needed: most tests do without media.
        from mcu.engine.inline import InlineEngine
        from mcu.engine.processes import ProcessEngine

        engine = ProcessEngine(config, 1) if workers else InlineEngine(config)
        await engine.start()
        return engine

    return start

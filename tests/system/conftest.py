"""Where rooms run: whole servers are tested with both engines, with the one that isn't the default in the long run."""

import pytest


@pytest.fixture(params=[pytest.param("0", marks=pytest.mark.long, id="inline"), pytest.param("2", id="workers")])
def workers(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The server's options for each engine."""
    return ("--workers", str(request.param))

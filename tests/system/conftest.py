"""Where rooms run: whole servers are tested with both engines."""

import pytest


@pytest.fixture(params=["0", "2"], ids=["inline", "workers"])
def workers(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The server's options for each engine."""
    return ("--workers", str(request.param))

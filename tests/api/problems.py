"""What a refusal over HTTP looks like."""

from typing import Any

import httpx


def problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """The problem of an answer, which has this status, code and field."""
    body: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["code"], body.get("field")) == (status, status, code, field), body
    assert body["type"].endswith(code)
    assert body["title"]
    assert body["detail"]
    return body

"""Whether what the server answers is what its document says."""

import functools

import httpx
import schemathesis
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.schemas import BaseSchema

from tests.api.every_route import EveryRoute, document


@functools.cache
def _described() -> BaseSchema:
    return schemathesis.openapi.from_dict(document())


def assert_as_documented(route: EveryRoute, answer: httpx.Response) -> None:
    """Its status is one that the document names for this operation, with a body of a kind and a shape it names."""
    if not route.operation:
        return
    responses = document()["paths"][route.path][route.method.lower()]["responses"]
    assert str(answer.status_code) in responses, f"{route}: {answer.status_code} is in no document"
    try:
        _described()[route.path][route.method].validate_response(answer)
    except (Failure, FailureGroup) as broken:
        wrong = broken.exceptions if isinstance(broken, FailureGroup) else [broken]
        raise AssertionError(f"{route}: {'; '.join(map(str, wrong))}") from None
    content = responses[str(answer.status_code)].get("content", {})
    kind = answer.headers.get("content-type", "").partition(";")[0]
    assert kind in content if content else not answer.content, f"{route}: {kind!r} is in no document"

"""The OpenAPI document: what generators and people build on, and whether the server does as it says."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import swagger
from api.images import IMAGE_TYPES
from api.routes.announcements import SOUND_TYPES
from api.routes.playback import FILM_TYPES
from tests.api.conftest import MakeServer
from tests.api.every_route import OTHER_BODIES, PARAMETERS, document, every_route, examples

OPERATIONS = Path(__file__).with_name("operations.txt")
PROMISES = [status_code_conformance, content_type_conformance, response_schema_conformance]
BODIES = ("post", "put", "patch")
EXAMPLES = 6
FEW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_operations_keep_their_names() -> None:
    """Generated clients have methods of these names. A new one is added to the file; one that goes, or is called
    something else, breaks whoever uses it.
    """
    named = sorted(f"{operation['operationId']} {method.upper()} {path}" for method, path, operation in operations())
    assert named == OPERATIONS.read_text().splitlines()
    ids = [one.partition(" ")[0] for one in named]
    assert len(ids) == len(set(ids))


def test_everything_is_described() -> None:
    undescribed = []
    for _, _, operation in operations():
        named = operation["operationId"]
        if not operation.get("description") or not operation.get("tags"):
            undescribed.append(named)
        undescribed += [
            f"{named} {one['name']}" for one in operation.get("parameters", ()) if not one.get("description")
        ]
    assert not undescribed


def test_every_body_has_an_example() -> None:
    for method, path, operation in operations():
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            assert examples(operation), f"{method} {path}"


def test_references_lead_somewhere() -> None:
    whole = document()
    for reference in set(_references(whole)):
        place: Any = whole
        for step in reference.removeprefix("#/").split("/"):
            assert step in place, reference
            place = place[step]


def test_the_document_knows_every_route() -> None:
    unknown = {route.path for route in every_route() if not route.operation and route.method != "OPTIONS"}
    peerjs = {"/peerjs/{key}/id", "/peerjs/peers", "/peerjs/{key}/peers"}
    assert unknown == {"/openapi.json", "/asyncapi.json", *swagger.paths()} | peerjs


@pytest.mark.parametrize("mode", list(GenerationMode))
async def test_nothing_in_the_document_and_nothing_beside_it_breaks_the_server(
    make_server: MakeServer, mode: GenerationMode
) -> None:
    """What follows the schemas, or on purpose doesn't, is answered, and never as a fault of the server's."""
    server = await make_server()
    wrong = await asyncio.to_thread(_try_everything, server.url, mode)
    assert not wrong, "\n".join(wrong)


def _try_everything(url: str, mode: GenerationMode) -> list[str]:
    wrong: list[str] = []
    for kind in (*IMAGE_TYPES, *SOUND_TYPES, *FILM_TYPES, *OTHER_BODIES):
        schemathesis.serializer.alias(kind, "application/octet-stream")
    described = schemathesis.openapi.from_dict(document())
    with httpx.Client(base_url=url) as client:
        for found in described.get_all_operations():
            client.post("/api/v1/rooms", json={"name": "team"})
            assert isinstance(found, Ok), found
            wrong += _try(found.ok(), url, mode)
    return wrong


def _try(operation: APIOperation[Any, Any, Any, Any], url: str, mode: GenerationMode) -> list[str]:
    wrong: list[str] = []
    inner = [*operation.query, *operation.headers, *operation.body]
    if mode is GenerationMode.NEGATIVE and not [*inner, *operation.path_parameters]:
        return []  # nothing of it could be wrong
    pinned = inner or mode is GenerationMode.POSITIVE
    known = {one.name: PARAMETERS[one.name] for one in operation.path_parameters if pinned}

    @seed(1)
    @FEW
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=known))
    def one(case: Case[Any]) -> None:
        answer = case.call(base_url=url)
        refused = answer.status_code == 503 and answer.json()["code"] == "no_capacity"
        if answer.status_code >= 500 and not refused:
            wrong.append(f"{operation.label}: {answer.status_code} {case.as_curl_command()}")
        try:
            case.validate_response(answer, checks=PROMISES)
        except FailureGroup as broken:
            wrong.extend(f"{operation.label}: {one}" for one in broken.exceptions)

    one()
    return wrong


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)

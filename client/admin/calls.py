"""One request and its answer, as a model or as an error."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from client.admin.errors import ServerFailed, refusal
from client.errors import ConnectionLost

API = "api/v1"
ModelT = TypeVar("ModelT", bound=BaseModel)


def below(*steps: str) -> str:
    """The path of a resource; each step is quoted."""
    return "/".join(("", API, *(quote(step, safe="") for step in steps)))


class Calls:
    """Requests over ``http``. Each raises an AdminRefused or ConnectionLost."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def one(self, model: type[ModelT], method: str, path: str, **request: Any) -> ModelT:
        answer = await self.answer(method, path, **request)
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            raise _not_understood(answer, error) from error

    async def many(self, model: type[ModelT], path: str, key: str) -> tuple[ModelT, ...]:
        """A list, which stands in an object under ``key``."""
        answer = await self.answer("GET", path)
        try:
            found: Mapping[str, tuple[ModelT, ...]] = TypeAdapter(dict[str, tuple[model, ...]]).validate_json(  # type: ignore[valid-type]  # a type made at run time
                answer.content
            )
            return found[key]
        except (ValidationError, KeyError) as error:
            raise _not_understood(answer, error) from error

    async def answer(self, method: str, path: str, *, accepts: int | None = None, **request: Any) -> httpx.Response:
        """What was answered, read whole. A status that it ``accepts`` is none of an error."""
        try:
            answer = await self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise self._lost(error) from error
        if not answer.is_success and answer.status_code != accepts:
            raise refusal(answer)
        return answer

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """A body as it comes."""
        try:
            async with self._http.stream("GET", path) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise refusal(answer)
                yield answer.aiter_bytes()
        except httpx.TransportError as error:
            raise self._lost(error) from error

    def _lost(self, error: httpx.TransportError) -> ConnectionLost:
        return ConnectionLost(f"{self._http.base_url} doesn't answer: {str(error) or type(error).__name__}")


def _not_understood(answer: httpx.Response, error: Exception) -> ServerFailed:
    reason = f"the answer of {answer.request.url} is not understood: is it the right server? {error}"
    return ServerFailed(answer.status_code, "not_understood", reason[:500])

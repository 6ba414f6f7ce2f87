"""``/healthz``, ``/readyz``, ``/metrics``."""

import asyncio
from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.gateway import Gateway
from api.routes.common import GatewayDep, PrincipalDep, file_of, problems
from mcu.errors import McuError

log = structlog.get_logger()
router = APIRouter(tags=["health"])

READY_TIMEOUT_S = 1.0
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METRICS = problems() | {200: file_of("text/plain", "The metrics.")}


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    ready: bool
    reason: str


@router.get("/healthz", operation_id="get_health")
async def get_health() -> Health:
    """The process runs and answers."""
    return Health()


@router.get("/readyz", operation_id="get_readiness", responses={503: {"model": Readiness}})
async def get_readiness(request: Request, response: Response) -> Readiness:
    """Whether people can join now, and if not, why."""
    readiness = await _readiness(request.app.state.gateway)
    if not readiness.ready:
        response.status_code = 503
    return readiness


@router.get("/metrics", operation_id="get_metrics", response_class=Response, responses=METRICS)
async def get_metrics(gateway: GatewayDep, principal: PrincipalDep) -> Response:
    """Everything measured, in the Prometheus text format. With keys set this needs an admin key or token."""
    principal.require_everywhere()
    text = await gateway.engine.metrics() + await gateway.webhooks.metrics()
    return Response(text, media_type=METRICS_TYPE)


async def _readiness(gateway: Gateway | None) -> Readiness:
    if gateway is None:
        return Readiness(ready=False, reason="the server is starting or stopping")
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            await gateway.engine.rooms()
    except TimeoutError:
        return Readiness(ready=False, reason="the engine doesn't answer")
    except McuError as error:
        log.warning("not_ready", code=error.error_code)
        return Readiness(ready=False, reason=error.message)
    return Readiness(ready=True, reason="rooms can be joined")

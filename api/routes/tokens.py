"""``/tokens``: an admin's key in, a signed join token out."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel

from api.auth import TokenSpec
from api.routes.common import GatewayDep, PrincipalDep, problems

router = APIRouter(tags=["tokens"])

EXAMPLE = {"identity": "ada", "name": "Ada", "grants": {"room": "team", "role": "moderator"}, "ttl_s": 3600}


class IssuedToken(BaseModel):
    token: str
    expires_at: datetime


@router.post("/tokens", status_code=201, operation_id="create_token", responses=problems(400, 409, 413, 415))
async def create_token(
    gateway: GatewayDep, principal: PrincipalDep, spec: Annotated[TokenSpec, Body(examples=[EXAMPLE])]
) -> IssuedToken:
    """Signs a join token. Without the grant `admin` it must name a room. Whoever administers one room only can sign
    tokens for that room.
    """
    issued = gateway.authority.issue_for(principal, spec)
    return IssuedToken(token=issued.token, expires_at=issued.expires_at)

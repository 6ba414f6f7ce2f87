"""How a principal comes into a room: at once, or by way of its lobby."""

from api.auth import Principal
from api.session.door import check_ban
from api.session.knock import Knock
from api.session.session import Session
from mcu.bans import Bans
from mcu.engine.engine import RoomHandle
from mcu.errors import Internal
from mcu.protocol.access import Waiting
from mcu.protocol.commands import Join, Joined
from mcu.protocol.wire import JoinData


async def enter(
    handle: RoomHandle, principal: Principal, bans: Bans, asked: JoinData, *, trusted: bool, source: str | None = None
) -> Session | Knock:
    """``principal`` joins; what ``asked`` says of a name counts where the credential has none. ``trusted``: the grants
    were given by somebody, and not to everybody; then moderators and hidden observers pass the door unasked. ``source``: as
    ``Join`` has it. Raises ``Forbidden`` (``banned`` among others), or what the room answers.
    """
    principal.require("join", handle.name)
    await check_ban(bans, principal, handle.name)
    grants = principal.grants
    join = Join(
        name=principal.name or asked.name or principal.identity or "Guest",
        identity=principal.identity,
        role=grants.role,
        group=grants.group,
        attributes=dict(principal.attributes),
        resume_token=asked.resume,
        password=asked.password,
        hidden=grants.hidden,
        source=source,
        passes=trusted and (grants.hidden or principal.may("moderate", handle.name)),
    )
    answer = await handle.call(join)
    if isinstance(answer, Waiting):
        return Knock(handle, principal, bans, join, answer)
    if not isinstance(answer, Joined):
        raise Internal(f"join was answered with {type(answer).__name__}")
    return await Session.begin(handle, principal, bans, answer)

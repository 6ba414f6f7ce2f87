"""How a principal comes into a room: at once, by way of its lobby, or unseen to watch."""

from api.auth import Principal
from api.session.control import RoomControl
from api.session.door import check_ban
from api.session.knock import Find, Knock, Refusal, ask_in, nobody_is_refused
from api.session.session import Session
from mcu.bans import Bans
from mcu.engine.engine import RoomHandle
from mcu.errors import Conflict, Forbidden, Internal, NotFound
from mcu.protocol.access import Waiting
from mcu.protocol.commands import Join, Joined
from mcu.protocol.quality import TierChoice
from mcu.protocol.wire import JoinData

NOBODY_YET_S = 5
"""When to ask again whether somebody has come."""


async def enter(
    handle: RoomHandle,
    principal: Principal,
    bans: Bans,
    asked: JoinData,
    *,
    trusted: bool,
    find: Find,
    source: str | None = None,
    refusal: Refusal = nobody_is_refused,
) -> Session | Knock:
    """``principal`` joins; what ``asked`` says of a name counts where the credential has none. ``trusted``: the grants
    were given by somebody, and not to everybody; then moderators and hidden observers pass the door unasked, and who
    has the grant admin is the room's admin, whom no moderator may remove.
    ``find``: the room, should it move while they wait. ``source``: as ``Join`` has it. ``refusal()``: why the server
    takes nobody new, if it doesn't.

    Raises ``Forbidden`` (``banned`` among others), ``NoCapacity``, or what the room answers.
    """
    principal.require("join", handle.name)
    await check_ban(bans, principal, handle.name)
    grants = principal.grants
    join = Join(
        name=principal.name or asked.name or principal.identity or "Guest",
        identity=principal.identity,
        role="admin" if trusted and grants.admin else grants.role,
        group=grants.group,
        attributes=dict(principal.attributes),
        resume_token=asked.resume,
        password=asked.password,
        hidden=grants.hidden,
        source=source,
        passes=trusted and (grants.hidden or principal.may("moderate", handle.name)),
    )
    answer = await ask_in(handle, join, refusal)
    if isinstance(answer, Waiting):
        return Knock(handle, principal, bans, join, answer, refusal, find)
    if not isinstance(answer, Joined):
        raise Internal(f"join was answered with {type(answer).__name__}")
    return await Session.begin(handle, principal, bans, answer)


async def observe(
    handle: RoomHandle, principal: Principal, bans: Bans, view: str, tier: TierChoice, refusal: Refusal
) -> Session:
    """``principal`` watches ``view`` without being seen, beside whatever else they are in the room. Who watches the
    view of a group hears that group; ``tier`` is the finest they are sent.

    Raises ``Forbidden`` for those who may not look into the room, ``NotFound`` (``no_such_view``), ``Conflict``
    (``nothing_to_watch``) while nobody is in it, ``NoCapacity``, or what the room answers. ``refusal``: as ``enter``.
    """
    room = RoomControl(handle, principal, bans)
    await room.check_standing()
    shown = await room.view(view)
    if (await room.info()).participants == 0:
        raise nothing_to_watch()
    moderates = principal.may("moderate", handle.name)
    grants = principal.grants
    group = shown.group if moderates and shown.group is not None else grants.group
    # Nobody's identity: it would replace the person themselves. Nobody's role: an observer opens no lobby.
    join = Join(name=principal.name or "Viewer", group=group, hidden=True, passes=True)
    answer = await ask_in(handle, join, refusal)
    if not isinstance(answer, Joined):
        raise Internal(f"join was answered with {type(answer).__name__}")
    session = await Session.begin(handle, principal, bans, answer)
    try:
        await session.watch_view(view)
        if tier != "auto":
            await session.choose_quality(tier)
    except BaseException:
        await session.leave()
        raise
    return session


async def follow(handle: RoomHandle, principal: Principal, bans: Bans, participant: str, refusal: Refusal) -> Session:
    """``principal`` gets one participant's own stream without being seen. Raises ``Forbidden`` for those who may not
    look into the room, or into that participant's group, ``NotFound`` (``no_such_participant``), ``NoCapacity``, or
    what the room answers. ``refusal``: as ``enter``.
    """
    room = RoomControl(handle, principal, bans)
    await room.check_standing()
    watched = next((one for one in await room.participants() if one.id == participant), None)
    if watched is None:
        raise NotFound("nobody here has this id: list the participants to see them", code="no_such_participant")
    if watched.group != principal.grants.group and not principal.may("moderate", handle.name):
        raise Forbidden("this participant is in another group")
    join = Join(name=principal.name or "Viewer", group=watched.group, hidden=True, passes=True, follows=participant)
    answer = await ask_in(handle, join, refusal)
    if not isinstance(answer, Joined):
        raise Internal(f"join was answered with {type(answer).__name__}")
    return await Session.begin(handle, principal, bans, answer)


def nothing_to_watch() -> Conflict:
    return Conflict("nobody is in the room yet", code="nothing_to_watch", retry_after_s=NOBODY_YET_S)


async def admitted(entered: Session | Knock) -> Session:
    """For doors behind which nobody can wait. Raises ``Forbidden`` (``lobby``) for somebody who would have to."""
    if isinstance(entered, Knock):
        await entered.stop()
        raise Forbidden("this room has a lobby, and nobody can wait in it here: use a moderator's token", code="lobby")
    return entered


def require_publishing(principal: Principal, room: str) -> None:
    """Raises ``Forbidden`` for those who may neither be seen nor heard."""
    principal.require("join", room)
    if not principal.grants.publish & {"camera", "microphone"}:
        raise Forbidden("this token doesn't allow to publish a camera or a microphone")

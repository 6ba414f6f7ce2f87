"""``mcu serve``: the server, and with ``--demo`` a room in which four sample participants meet."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.options import Config, read_settings

if TYPE_CHECKING:
    from api.settings import Settings

DEMO_ROOM = "demo"
DEMO_MODULE = "samples.demo_room"
DEMO_TOKEN_TTL_S = 30 * 86_400


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on [default: 127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on [default: 8080].", min=0, max=65535)] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that rooms run in; 0: none but this one [default: one per core].", min=0, max=256),
    ] = None,
    config: Config = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Listen beyond loopback without keys.")] = False,
    store: Annotated[
        str | None, typer.Option(help="What survives a restart lies here: sqlite:///path or postgresql://….")
    ] = None,
    no_store: Annotated[bool, typer.Option("--no-store", help="Keep nothing: a restart forgets every room.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Open a room `demo` with four sample participants.")] = False,
) -> None:
    """Serves until Ctrl-C, then ends everything within three seconds."""
    place = "memory" if no_store else store
    kept = None if place is None else {"url": place}
    settings = read_settings(config, host=host, port=port, workers=workers, insecure=insecure or None, store=kept)
    if demo:
        settings = settings.model_copy(update={"permanent_rooms": (*settings.permanent_rooms, DEMO_ROOM)})
    from api.logs import configure_logging
    from api.server import loop_factory

    configure_logging(settings.log, settings.secrets)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_run(settings, demo))


async def _run(settings: "Settings", demo: bool) -> None:
    from api.app import create_app
    from api.cli.companion import CompanionProcess
    from api.server import build_server
    from mcu.engine.collecting import leave_out_what_is_loaded

    server = build_server(create_app(settings), settings)
    leave_out_what_is_loaded()
    if demo:
        server.companions.append(CompanionProcess(DEMO_MODULE, DEMO_ROOM, _demo_token(settings)))
    await server.serve()


def _demo_token(settings: "Settings") -> str | None:
    from api.auth import Authority, Grants, TokenSpec

    if settings.open:
        return None
    spec = TokenSpec(grants=Grants(room=DEMO_ROOM), ttl_s=DEMO_TOKEN_TTL_S)
    return Authority(settings.keys, settings.admin_keys).issue(spec).token

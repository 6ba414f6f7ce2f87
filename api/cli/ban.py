"""``mcu ban``: who may not come back into a room of a running server."""

from typing import Annotated

import typer

from api.cli.remote import EXIT_CODES, LOCAL, AsJson, Key, Remote, Server

app = typer.Typer(help=f"Who may not come into a room. {EXIT_CODES}", no_args_is_help=True)

Room = Annotated[str, typer.Argument(help="The room's name.")]
Identity = Annotated[str, typer.Argument(help="The identity, as their token says it.")]
COLUMNS = ("identity", "until", "reason")


@app.command("list")
def list_bans(room: Room, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Those in force, the one that ends first coming first."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).door.bans()), COLUMNS)


@app.command("add")
def add(
    room: Room,
    identity: Identity,
    seconds: Annotated[int, typer.Option("--for", min=1, metavar="S", help="How long it holds.")] = 3600,
    reason: Annotated[str | None, typer.Option(help="Who is inside is told.")] = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Keeps an identity out, instead of an earlier ban; who is inside is removed."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).door.ban(identity, seconds, reason)), COLUMNS)


@app.command("lift")
def lift(room: Room, identity: Identity, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Lets somebody come back before their time."""
    remote = Remote(server, key, as_json)
    remote.ask(lambda admin: admin.room(room).door.lift_ban(identity))
    remote.done(f"{identity} may come back")

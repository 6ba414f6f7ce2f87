"""``mcu group``: whom people hear who are in a group of a room of a running server."""

from typing import Annotated

import typer

from api.cli.remote import EXIT_CODES, EXIT_USAGE, LOCAL, AsJson, Key, Remote, Server, end, pairs

app = typer.Typer(
    help=f"Groups of a room; `mcu participant set --group` moves people. {EXIT_CODES}", no_args_is_help=True
)

Room = Annotated[str, typer.Argument(help="The room's name.")]
Group = Annotated[str, typer.Argument(help="The group's name; - is that of those who are in none.")]
NOBODY = "-"
COLUMNS = ("name", "members", "hears")


@app.command("list")
def list_groups(room: Room, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """The groups there are; first, without a name, that of those who are in none."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).sound.groups()), COLUMNS)


@app.command("set")
def set_group(
    room: Room,
    group: Group,
    hears: Annotated[
        list[str] | None, typer.Option(help="group=dB: it listens in on that one; -=-12: on the room. Repeatable.")
    ] = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Says which other groups this one listens in on, instead of what was said before."""
    remote = Remote(server, key, as_json)
    levels = {_named(name): _db(level) for name, level in pairs(hears or (), "--hears").items()}
    remote.show(remote.ask(lambda admin: admin.room(room).sound.set_group(_named(group), levels)), COLUMNS)


@app.command("delete")
def delete(room: Room, group: Group, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Lets a group listen in on nobody; whoever is in it stays."""
    remote = Remote(server, key, as_json)
    remote.ask(lambda admin: admin.room(room).sound.delete_group(_named(group)))
    remote.done(f"{group} listens in on nobody")


def _named(group: str) -> str:
    return "" if group == NOBODY else group


def _db(level: str) -> float:
    try:
        return float(level)
    except ValueError:
        end(f"--hears: {level!r} is no number of decibels", EXIT_USAGE)

"""``mcu participant``: those in a room of a running server."""

from typing import Annotated, Literal

import typer

from api.cli.remote import EXIT_CODES, LOCAL, AsJson, Key, Remote, Server, named

app = typer.Typer(help=f"Those in a room. {EXIT_CODES}", no_args_is_help=True)

Room = Annotated[str, typer.Argument(help="The room's name.")]
Person = Annotated[str, typer.Argument(help="The participant's id, as `list` shows it.")]

COLUMNS = ("id", "name", "role", "presence", "group", "view", "hand", "server_muted_audio", "server_muted_video")


@app.command("list")
def list_participants(room: Room, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Everybody in the room."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).people.list()), COLUMNS)


@app.command("set")
def set_participant(
    room: Room,
    participant: Person,
    mute: Annotated[bool | None, typer.Option(help="Nobody hears them.")] = None,
    blind: Annotated[bool | None, typer.Option(help="Nobody sees their camera.")] = None,
    gain: Annotated[float | None, typer.Option(min=0, max=4, help="1 leaves the voice as it comes.")] = None,
    role: Annotated[Literal["participant", "moderator", "admin"] | None, typer.Option(help="What they may do.")] = None,
    group: Annotated[str | None, typer.Option(help="They hear, and are heard by, it alone; - is none.")] = None,
    view: Annotated[str | None, typer.Option(help="The view they watch.")] = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Mutes, turns up or down, moves or promotes somebody; what isn't said stays."""
    remote = Remote(server, key, as_json)
    wanted = named(server_muted_audio=mute, server_muted_video=blind, gain=gain, role=role, group=group, view=view)
    if group == "-":
        wanted["group"] = None
    remote.show(remote.ask(lambda admin: admin.room(room).people.update(participant, **wanted)), COLUMNS)


@app.command("kick")
def kick(
    room: Room,
    participant: Person,
    reason: Annotated[str | None, typer.Option(help="They are told.")] = None,
    ban: Annotated[int | None, typer.Option(min=1, metavar="S", help="Keeps their identity out for so long.")] = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Removes somebody from the room."""
    remote = Remote(server, key, as_json)
    remote.ask(lambda admin: admin.room(room).people.kick(participant, reason, ban))
    remote.done(f"{participant} is out")


@app.command("admit")
def admit(room: Room, participant: Person, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Lets somebody in from the lobby; shows who still waits."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).door.admit(participant)), ("id", "name", "since"))


@app.command("deny")
def deny(
    room: Room,
    participant: Person,
    reason: Annotated[str | None, typer.Option(help="They are told.")] = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Turns somebody away from the lobby; shows who still waits."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).door.deny(participant, reason)), ("id", "name", "since"))


@app.command("waiting")
def waiting(room: Room, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Who waits in the lobby."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).door.waiting()), ("id", "name", "since"))

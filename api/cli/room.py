"""``mcu room``: the rooms of a running server."""

from typing import Annotated, Literal

import typer

from api.cli.remote import EXIT_CODES, LOCAL, AsJson, Key, Remote, Server, named, pairs

app = typer.Typer(help=f"Rooms of a running server. {EXIT_CODES}", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The room's name.")]
OnOwnerLeft = Literal["keep", "close", "hand_over"]
Capacity = Annotated[int | None, typer.Option(help="How many people it holds.")]
Lobby = Annotated[bool | None, typer.Option(help="Who comes waits until a moderator lets them in.")]
Locked = Annotated[bool | None, typer.Option(help="Nobody new comes in.")]
Password = Annotated[
    str | None, typer.Option(help="Asked of everybody who isn't a moderator; - asks you for it, unseen by others.")
]
Metadata = Annotated[list[str] | None, typer.Option(help="key=value. Repeatable.")]

COLUMNS = ("name", "participants", "capacity", "recording", "locked", "lobby", "password", "created_at")
DETAILS = (*COLUMNS, "views", "owner", "on_owner_left", "metadata")


@app.command("list")
def list_rooms(server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """The open rooms."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.rooms()), COLUMNS)


@app.command("show")
def show(name: Name, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """One room."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(name).info()), DETAILS)


@app.command("capacity")
def capacity(
    participants: Annotated[int, typer.Option(min=1, help="How many more.")] = 1,
    height: Annotated[int | None, typer.Option(metavar="PX", help="Of their view; else as rooms are.")] = None,
    fps: Annotated[int | None, typer.Option(help="Of their view; else as rooms are.")] = None,
    joining: Annotated[bool, typer.Option("--joining", help="They join a room that is open.")] = False,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Whether so many more people would fit on the server, and why; an estimate."""
    remote = Remote(server, key, as_json)
    found = remote.ask(lambda admin: admin.capacity(participants, height=height, fps=fps, joining=joining))
    remote.show(found, ("fits", "participants", "cores_needed", "cores_free", "cores_usable", "reasons"))


@app.command("open")
def open_room(
    name: Name,
    capacity: Capacity = None,
    lobby: Lobby = None,
    locked: Locked = None,
    password: Password = None,
    permanent: Annotated[bool | None, typer.Option(help="It never closes by itself.")] = None,
    owner: Annotated[str | None, typer.Option(help="An identity; else the first moderator who comes.")] = None,
    on_owner_left: Annotated[OnOwnerLeft | None, typer.Option(help="What happens then.")] = None,
    metadata: Metadata = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Opens a room; what isn't said is as the server's settings have it."""
    remote = Remote(server, key, as_json)
    wanted = named(
        capacity=capacity,
        lobby=lobby,
        locked=locked,
        password=_secret(password),
        permanent=permanent,
        owner=owner,
        on_owner_left=on_owner_left,
    )
    notes = pairs(metadata or (), "--metadata")
    remote.show(remote.ask(lambda admin: admin.open_room(name, metadata=notes, **wanted)), DETAILS)


@app.command("set")
def set_room(
    name: Name,
    capacity: Capacity = None,
    lobby: Lobby = None,
    locked: Locked = None,
    password: Password = None,
    no_password: Annotated[bool, typer.Option("--no-password", help="Takes the password away.")] = False,
    metadata: Annotated[list[str] | None, typer.Option(help="key=value; key= takes it away. Repeatable.")] = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Changes a room; what isn't said stays."""
    remote = Remote(server, key, as_json)
    wanted = named(capacity=capacity, lobby=lobby, locked=locked, password=None if no_password else _secret(password))
    if no_password:
        wanted["password"] = None
    if metadata:
        wanted["metadata"] = {label: value or None for label, value in pairs(metadata, "--metadata").items()}
    remote.show(remote.ask(lambda admin: admin.room(name).update(**wanted)), DETAILS)


@app.command("close")
def close(name: Name, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Closes a room: everybody is told, recordings are finished."""
    remote = Remote(server, key, as_json)
    remote.ask(lambda admin: admin.room(name).close())
    remote.done(f"{name} is closed")


def _secret(password: str | None) -> str | None:
    if password != "-":
        return password
    asked: str = typer.prompt("Password", hide_input=True, err=True)
    return asked

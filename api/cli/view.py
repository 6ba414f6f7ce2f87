"""``mcu view``: the views of a room of a running server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli.remote import EXIT_CODES, EXIT_USAGE, LOCAL, AsJson, Key, Remote, Server, end, named

if TYPE_CHECKING:
    from client.admin import Admin
    from mcu.protocol.models import ViewSpec

app = typer.Typer(help=f"Views of a room. {EXIT_CODES}", no_args_is_help=True)

Room = Annotated[str, typer.Argument(help="The room's name.")]
Name = Annotated[str, typer.Argument(help="The view's name.")]
Width = Annotated[int | None, typer.Option(metavar="PX", help="Of the canvas.")]
Fps = Annotated[int | None, typer.Option(help="Pictures a second.")]
Kbps = Annotated[int | None, typer.Option(metavar="KBIT/S", help="Of its picture.")]
Tiers = Annotated[int | None, typer.Option(help="In how many sizes it is sent: 1 to 3.")]
Background = Annotated[
    str | None, typer.Option(metavar="COLOUR", help="Behind the tiles: #102030; - as the layout has it.")
]
Group = Annotated[str | None, typer.Option(help="It shows this group alone; - everybody.")]
COLUMNS = ("name", "width", "height", "fps", "video_kbps", "tiers", "background", "group")
TILES = ("participant", "source", "name", "state", "on_canvas", "width", "height", "last_decoded_ms")


@app.command("list")
def list_views(room: Room, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """The room's views."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).views()), COLUMNS)


@app.command("add")
def add(
    room: Room,
    view: Name,
    width: Width = None,
    height: Width = None,
    fps: Fps = None,
    kbps: Kbps = None,
    tiers: Tiers = None,
    background: Background = None,
    group: Group = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Adds a view; what isn't said is as usual."""
    remote = Remote(server, key, as_json)
    wanted = named(
        width=width, height=height, fps=fps, video_kbps=kbps, tiers=tiers, background=background, group=group
    )

    async def create(admin: "Admin") -> "ViewSpec":
        from mcu.protocol.models import ViewSpec

        return await admin.room(room).create_view(ViewSpec(name=view, **wanted))

    remote.show(remote.ask(create), COLUMNS)


@app.command("set")
def set_view(
    room: Room,
    view: Name,
    width: Width = None,
    height: Width = None,
    fps: Fps = None,
    kbps: Kbps = None,
    tiers: Tiers = None,
    background: Background = None,
    group: Group = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Changes a view; what isn't said stays."""
    remote = Remote(server, key, as_json)
    wanted = named(
        width=width, height=height, fps=fps, video_kbps=kbps, tiers=tiers, background=background, group=group
    )
    if not wanted:
        end("say what to change: --width, --fps, --background …", EXIT_USAGE)
    wanted |= {part: None for part in ("background", "group") if wanted.get(part) == "-"}

    async def update(admin: "Admin") -> "ViewSpec":
        from mcu.protocol.models import ViewChanges

        return await admin.room(room).view(view).update(ViewChanges(**wanted))

    remote.show(remote.ask(update), COLUMNS)


@app.command("delete")
def delete(room: Room, view: Name, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Removes a view; whoever watches it sees `main` from then on."""
    remote = Remote(server, key, as_json)
    remote.ask(lambda admin: admin.room(room).view(view).delete())
    remote.done(f"{view} is removed")


@app.command("tiles")
def tiles(room: Room, view: Name = "main", server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Every source of the room as a view sees it, and why its tile looks as it does."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).view(view).tile_health()).tiles, TILES)


@app.command("snapshot")
def snapshot(
    room: Room,
    to: Annotated[Path, typer.Argument(help="The file to write: .jpg or .png.")],
    view: Annotated[str, typer.Option(help="The view's name.")] = "main",
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Writes one picture of a view."""
    kinds: dict[str, Literal["jpg", "png"]] = {".jpg": "jpg", ".jpeg": "jpg", ".png": "png"}
    kind = kinds.get(to.suffix.lower())
    if kind is None:
        end(f"{to}: say .jpg or .png", EXIT_USAGE)
    remote = Remote(server, key, as_json)
    picture = remote.ask(lambda admin: admin.room(room).view(view).snapshot(kind))
    try:
        to.write_bytes(picture)
    except OSError as wrong:
        end(str(wrong), EXIT_USAGE)
    remote.done(f"{to}: {len(picture)} bytes")

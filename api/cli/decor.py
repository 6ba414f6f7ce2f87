"""``mcu decor``: what the views of a room wear besides its people, and avatars."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli.remote import EXIT_CODES, EXIT_USAGE, LOCAL, AsJson, Key, Remote, Server, end, file_of_kind

if TYPE_CHECKING:
    from client.admin import Admin
    from mcu.protocol.decor import Banner, ViewDecor
    from mcu.protocol.models import ParticipantInfo

app = typer.Typer(help=f"Banner, background, logo and avatars. {EXIT_CODES}", no_args_is_help=True)

Room = Annotated[str, typer.Argument(help="The room's name.")]
View = Annotated[str, typer.Option(help="The view's name.")]
Image = Annotated[Path | None, typer.Argument(help="A JPEG, PNG or WebP file of at most 1 MiB; none with --remove.")]
Remove = Annotated[bool, typer.Option("--remove", help="Takes it away.")]
Corner = Literal["top_left", "top_right", "bottom_left", "bottom_right"]
KINDS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
COLUMNS = ("background_image", "logo")


@app.command("show")
def show(room: Room, view: View = "main", server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Which images a view wears."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).view(view).decor()), COLUMNS)


@app.command("background")
def background(
    room: Room,
    image: Image = None,
    remove: Remove = False,
    view: View = "main",
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Puts an image behind everybody, or takes it away."""
    remote, chosen = Remote(server, key, as_json), _chosen(image, remove)

    async def put(admin: "Admin") -> "ViewDecor":
        worn = admin.room(room).view(view)
        if chosen is not None:
            return await worn.set_background_image(*chosen)
        await worn.delete_background_image()
        return await worn.decor()

    remote.show(remote.ask(put), COLUMNS)


@app.command("logo")
def logo(
    room: Room,
    image: Image = None,
    corner: Annotated[Corner, typer.Option(help="Where it goes.")] = "top_right",
    width: Annotated[float, typer.Option(min=0, max=1, help="Its part of the canvas's width.")] = 0.1,
    remove: Remove = False,
    view: View = "main",
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Puts an image into a corner, or takes it away."""
    remote, chosen = Remote(server, key, as_json), _chosen(image, remove)

    async def put(admin: "Admin") -> "ViewDecor":
        worn = admin.room(room).view(view)
        if chosen is not None:
            return await worn.set_logo(*chosen, corner=corner, width=width)
        await worn.delete_logo()
        return await worn.decor()

    remote.show(remote.ask(put), COLUMNS)


@app.command("avatar")
def avatar(
    room: Room,
    participant: Annotated[str, typer.Argument(help="The participant's id.")],
    image: Image = None,
    remove: Remove = False,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Gives somebody an image for when their camera is off, or takes it away."""
    remote, chosen = Remote(server, key, as_json), _chosen(image, remove)

    async def put(admin: "Admin") -> "ParticipantInfo":
        people = admin.room(room).people
        if chosen is not None:
            return await people.set_avatar(participant, *chosen)
        await people.delete_avatar(participant)
        return await people.get(participant)

    remote.show(remote.ask(put), ("id", "name", "avatar"))


@app.command("banner")
def banner(
    room: Room,
    text: Annotated[str | None, typer.Argument(help="A line at the top.")] = None,
    countdown_to: Annotated[str | None, typer.Option(metavar="TIME", help="Such as 2026-12-24T18:00:00Z.")] = None,
    remove: Remove = False,
    view: View = "main",
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Shows the banner of a view; with a text or a countdown that is its banner from now on."""
    remote, ends = Remote(server, key, as_json), _time(countdown_to)

    async def put(admin: "Admin") -> "Banner":
        from mcu.protocol.decor import Banner

        worn = admin.room(room).view(view)
        if remove:
            await worn.delete_banner()
        elif text is not None or ends is not None:
            return await worn.set_banner(Banner(text=text, countdown_to=ends))
        return await worn.banner()

    remote.show(remote.ask(put), ("text", "countdown_to"))


def _chosen(image: Path | None, remove: bool) -> tuple[bytes, str] | None:
    """The file and its type; None: it shall go. Ends with status 2 where it is neither, or both."""
    if (image is None) is not remove:
        end("name an image, or say --remove", EXIT_USAGE)
    return file_of_kind(image, KINDS) if image is not None else None


def _time(given: str | None) -> datetime | None:
    try:
        found = None if given is None else datetime.fromisoformat(given)
    except ValueError:
        end(f"--countdown-to {given}: write it as 2026-12-24T18:00:00Z", EXIT_USAGE)
    if found is not None and found.tzinfo is None:
        end(f"--countdown-to {given}: its zone is missing, as in 2026-12-24T18:00:00Z", EXIT_USAGE)
    return found

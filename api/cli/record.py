"""``mcu record``: recordings of a room of a running server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.remote import EXIT_CODES, LOCAL, AsJson, Key, Remote, Server

if TYPE_CHECKING:
    from client.admin import Admin

app = typer.Typer(help=f"Recordings of a room. {EXIT_CODES}", no_args_is_help=True)

Room = Annotated[str, typer.Argument(help="The room's name.")]
Recording = Annotated[str, typer.Argument(help="The recording's id, as `list` shows it.")]
COLUMNS = ("id", "view", "state", "started_at", "duration_s", "size_bytes", "file", "error")


@app.command("start")
def start(
    room: Room,
    view: Annotated[str, typer.Option(help="The view to record.")] = "main",
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Starts to record a view."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).recordings.start(view)), COLUMNS)


@app.command("pause")
def pause(room: Room, recording: Recording, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Pauses a recording: nothing of what follows is in its file, until it is resumed."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).recordings.pause(recording)), COLUMNS)


@app.command("resume")
def resume(room: Room, recording: Recording, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Goes on with a paused recording."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).recordings.resume(recording)), COLUMNS)


@app.command("stop")
def stop(room: Room, recording: Recording, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Stops a recording; comes back once its file is complete."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).recordings.stop(recording)), COLUMNS)


@app.command("list")
def list_recordings(room: Room, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """The room's recordings."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).recordings.list()), COLUMNS)


@app.command("download")
def download(
    room: Room,
    recording: Recording,
    to: Annotated[Path | None, typer.Argument(help="Where to; the file's own name here, unless said.")] = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Fetches a finished recording."""
    remote = Remote(server, key, as_json)

    async def fetch(admin: "Admin") -> tuple[Path, int]:
        recordings = admin.room(room).recordings
        file = (await recordings.get(recording)).file
        # The name comes from elsewhere: of a path in it only the end counts.
        target = to if to is not None else Path(Path(file).name)
        return target, await recordings.download(recording, file, target)

    target, size_bytes = remote.ask(fetch)
    remote.done(f"{target}: {size_bytes} bytes")

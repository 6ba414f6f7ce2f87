"""``mcu playback``: files that are played into a room of a running server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.remote import EXIT_CODES, EXIT_USAGE, LOCAL, AsJson, Key, Remote, Server, end

if TYPE_CHECKING:
    from client.admin import Admin
    from mcu.protocol.playback import PlaybackInfo

app = typer.Typer(help=f"Files played into a room by a participant of their own. {EXIT_CODES}", no_args_is_help=True)

Room = Annotated[str, typer.Argument(help="The room's name.")]
Playback = Annotated[str, typer.Argument(help="The playback's id, as `list` shows it.")]
COLUMNS = ("id", "name", "state", "position_s", "duration_s", "loop", "audio", "video", "participant")


@app.command("start")
def start(
    room: Room,
    file: Annotated[Path | None, typer.Argument(help="A file of this machine, which is sent.")] = None,
    stored: Annotated[str | None, typer.Option("--stored", help="Or one of the server's own folder.")] = None,
    recording: Annotated[str | None, typer.Option(help="Or a finished recording of the room, by its id.")] = None,
    name: Annotated[str | None, typer.Option(help="What its tile says.")] = None,
    group: Annotated[str, typer.Option(help="It alone hears it.")] = "",
    loop: Annotated[bool, typer.Option("--loop", help="Begins anew at its end.")] = False,
    at: Annotated[float, typer.Option("--at", metavar="S", min=0.0, help="Where it begins.")] = 0.0,
    paused: Annotated[bool, typer.Option("--paused", help="Waits at its first picture.")] = False,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Plays a file."""
    if sum(one is not None for one in (file, stored, recording)) != 1:
        end("say one of a file, --stored and --recording", EXIT_USAGE)
    remote = Remote(server, key, as_json)

    async def play(admin: "Admin") -> "PlaybackInfo":
        from client.admin import PlaybackWishes

        wishes = PlaybackWishes(group=group, loop=loop, start_s=at, paused=paused)
        if name is not None:
            wishes["name"] = name
        playback = admin.room(room).playback
        if file is not None:
            return await playback.play(file, **wishes)
        if stored is not None:
            return await playback.play_file(stored, **wishes)
        return await playback.play_recording(recording or "", **wishes)

    remote.show(remote.ask(play), COLUMNS)


@app.command("list")
def list_playbacks(room: Room, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Those that play or are paused."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).playback.list()), COLUMNS)


@app.command("pause")
def pause(room: Room, playback: Playback, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Holds it at the picture it shows."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).playback.pause(playback)), COLUMNS)


@app.command("resume")
def resume(room: Room, playback: Playback, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Lets it go on."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).playback.resume(playback)), COLUMNS)


@app.command("seek")
def seek(
    room: Room,
    playback: Playback,
    position: Annotated[float, typer.Argument(metavar="S", min=0.0, help="From its beginning.")],
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Goes to another position, exact to the picture."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).playback.seek(playback, position)), COLUMNS)


@app.command("loop")
def loop(
    room: Room,
    playback: Playback,
    on: Annotated[bool, typer.Option("--on/--off", help="Whether it begins anew at its end.")] = True,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Lets it begin anew at its end, or not."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).playback.set_loop(playback, on)), COLUMNS)


@app.command("stop")
def stop(room: Room, playback: Playback, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Ends it; its participant leaves."""
    remote = Remote(server, key, as_json)
    remote.ask(lambda admin: admin.room(room).playback.stop(playback))
    remote.done(f"{playback} is stopped")

"""``mcu announce``: sounds that are played into a room of a running server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.remote import EXIT_CODES, LOCAL, AsJson, Key, Remote, Server, file_of_kind

if TYPE_CHECKING:
    from client.admin import Admin
    from mcu.protocol.announcements import AnnouncementInfo

app = typer.Typer(help=f"Sounds played into a room. {EXIT_CODES}", no_args_is_help=True)

Room = Annotated[str, typer.Argument(help="The room's name.")]
Group = Annotated[str | None, typer.Option(help="It alone hears it.")]
Duck = Annotated[float, typer.Option("--duck", metavar="DB", help="How far people are turned down meanwhile.")]
KINDS = {
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
}
COLUMNS = ("id", "state", "group", "duck_db", "duration_s", "played_s", "started_at")


@app.command("play")
def play(
    room: Room,
    file: Annotated[Path, typer.Argument(help="Ogg, WAV, FLAC or MP3; two minutes and 4 MiB at most.")],
    group: Group = None,
    duck: Duck = -15.0,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Plays a file."""
    remote = Remote(server, key, as_json)
    sound, kind = file_of_kind(file, KINDS)
    remote.show(
        remote.ask(lambda admin: admin.room(room).sound.announce(sound, kind, group=group, duck_db=duck)), COLUMNS
    )


@app.command("tone")
def tone(
    room: Room,
    hz: Annotated[float, typer.Option(help="How high.")] = 440.0,
    duration: Annotated[int, typer.Option(metavar="MS", help="How long.")] = 500,
    level: Annotated[float, typer.Option(metavar="DBFS", help="How loud.")] = -20.0,
    group: Group = None,
    duck: Duck = -15.0,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Plays a tone."""
    remote = Remote(server, key, as_json)

    async def announce(admin: "Admin") -> "AnnouncementInfo":
        from mcu.protocol.announcements import Tone

        wanted = Tone(hz=hz, duration_ms=duration, level_dbfs=level)
        return await admin.room(room).sound.announce_tone(wanted, group=group, duck_db=duck)

    remote.show(remote.ask(announce), COLUMNS)


@app.command("list")
def list_announcements(room: Room, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Those that play now."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).sound.announcements()), COLUMNS)


@app.command("stop")
def stop(
    room: Room,
    announcement: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Fades one out."""
    remote = Remote(server, key, as_json)
    remote.ask(lambda admin: admin.room(room).sound.stop_announcement(announcement))
    remote.done(f"{announcement} is stopped")

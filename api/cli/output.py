"""``mcu output``: live outputs of a room of a running server."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.remote import EXIT_CODES, LOCAL, AsJson, Key, Remote, Server, named

if TYPE_CHECKING:
    from client.admin import Admin
    from mcu.protocol.outputs import OutputInfo

app = typer.Typer(help=f"Live outputs of a room: RTMP, SRT, HLS, WHIP. {EXIT_CODES}", no_args_is_help=True)

Room = Annotated[str, typer.Argument(help="The room's name.")]
COLUMNS = ("id", "kind", "view", "state", "url", "playlist", "started_at", "duration_s", "bytes_sent", "error")


@app.command("start")
def start(
    room: Room,
    url: Annotated[
        str | None,
        typer.Argument(
            help="rtmp(s)://, srt://, or https:// for WHIP; none for HLS; -: read from the input, as it holds a key."
        ),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="rtmp, srt, hls or whip; as the address says, unless said.")] = None,
    view: Annotated[str, typer.Option(help="The view to send.")] = "main",
    token: Annotated[
        str | None, typer.Option(envvar="MCU_OUTPUT_TOKEN", help="The bearer token of a WHIP destination.")
    ] = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Begins to send a view out. `list` tells how it fares."""
    remote = Remote(server, key, as_json)
    if url == "-":
        url = typer.get_text_stream("stdin").readline().strip()

    async def begin(admin: "Admin") -> "OutputInfo":
        from mcu.protocol.outputs import NewOutput

        wanted = NewOutput.model_validate(named(url=url, kind=kind, view=view, token=token))
        return await admin.room(room).outputs.start(wanted)

    remote.show(remote.ask(begin), COLUMNS)


@app.command("list")
def list_outputs(room: Room, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Those that run, and the last that ended."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).outputs.list()), COLUMNS)


@app.command("stop")
def stop(
    room: Room,
    output: Annotated[str, typer.Argument(help="The output's id, as `list` shows it.")],
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Ends one."""
    remote = Remote(server, key, as_json)
    remote.ask(lambda admin: admin.room(room).outputs.stop(output))
    remote.done(f"{output} is stopped")

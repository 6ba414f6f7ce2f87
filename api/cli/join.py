"""``mcu join``: take part in a room from the command line, with a film or a test card, and keep what comes back."""

from pathlib import Path
from typing import Annotated

import typer


def join(
    url: Annotated[str, typer.Argument(help="The server, such as http://localhost:8080.")],
    room: Annotated[str, typer.Argument(help="The room's name.")],
    name: Annotated[str, typer.Option(help="What the others read under your picture.")] = "Guest",
    token: Annotated[str | None, typer.Option(help="A join token, where the server wants one.")] = None,
    password: Annotated[
        str | None, typer.Option(envvar="MCU_ROOM_PASSWORD", help="The room's, where it has one.", show_envvar=True)
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Send this media file, over and over.", dir_okay=False)] = None,
    test_card: Annotated[
        float | None, typer.Option(min=0, max=360, metavar="HUE", help="Send a test card of this hue, in degrees.")
    ] = None,
    tone: Annotated[
        float | None, typer.Option(min=20, max=20_000, metavar="HZ", help="Send a tone of this frequency.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Write what you receive into this MP4.", dir_okay=False)] = None,
    duration: Annotated[float | None, typer.Option(min=0, metavar="S", help="Leave after so many seconds.")] = None,
) -> None:
    """Join a room, watch, and leave with Ctrl-C.

    Exit codes: 0 left as planned; 1 the server refused; 2 wrong usage, or a file that can't be played or written;
    3 the connection was lost, or you were removed from the room.
    """
    if file is not None and (test_card is not None or tone is not None):
        raise typer.BadParameter("send either a file, or a test card and a tone")
    from api.cli.attendance import Plan, attend

    raise typer.Exit(attend(Plan(url, room, name, token, file, test_card, tone, record, duration, password)))

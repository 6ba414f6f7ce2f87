"""Every subcommand of ``mcu``, one line each. Their modules load what they need when they run, so that ``--help`` and
``version`` answer at once.
"""

import typer

from api.cli import announce, ban, chat, decor, group, layout, output, participant, playback, record, room, token, view
from api.cli.bench import bench
from api.cli.doctor import doctor
from api.cli.join import join
from api.cli.serve import serve
from api.cli.version import version

app = typer.Typer(
    name="mcu",
    help="A WebRTC MCU: one picture of everyone, one sound of everyone but yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("serve")(serve)
app.add_typer(room.app, name="room")
app.add_typer(participant.app, name="participant")
app.add_typer(ban.app, name="ban")
app.add_typer(chat.app, name="chat")
app.add_typer(group.app, name="group")
app.add_typer(announce.app, name="announce")
app.add_typer(playback.app, name="playback")
app.add_typer(view.app, name="view")
app.add_typer(layout.app, name="layout")
app.add_typer(decor.app, name="decor")
app.add_typer(record.app, name="record")
app.add_typer(output.app, name="output")
app.add_typer(token.app, name="token")
app.command("join")(join)
app.command("doctor")(doctor)
app.command("bench")(bench)
app.command("version")(version)


def main() -> None:
    app()

"""``mcu chat``: what is said in a room of a running server, and who is ready."""

from typing import Annotated

import typer

from api.cli.remote import EXIT_CODES, LOCAL, AsJson, Key, Remote, Server

app = typer.Typer(help=f"What is said in a room. {EXIT_CODES}", no_args_is_help=True)

Room = Annotated[str, typer.Argument(help="The room's name.")]
Message = Annotated[str, typer.Argument(help="The message's id, as `history` shows it.")]
Text = Annotated[str, typer.Argument(help="The words.")]
COLUMNS = ("id", "sent_at", "name", "text", "channel")


@app.command("say")
def say(
    room: Room,
    text: Text,
    name: Annotated[str | None, typer.Option(help="Who says it; else it is the server.")] = None,
    to: Annotated[list[str] | None, typer.Option(help="A participant: it is for them alone. Repeatable.")] = None,
    channel: Annotated[str | None, typer.Option(help="A name that clients sort messages by.")] = None,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Says something, to everybody unless --to says to whom."""
    remote = Remote(server, key, as_json)
    said = remote.ask(lambda admin: admin.room(room).chat.post(text, name=name, to=to or None, channel=channel))
    remote.show(said, ("message_id", "delivered", "sent_at"))


@app.command("history")
def history(room: Room, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """What was said to everybody, the oldest first; private words are not in it."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).chat.messages()), COLUMNS)


@app.command("edit")
def edit(
    room: Room, message: Message, text: Text, server: Server = LOCAL, key: Key = None, as_json: AsJson = False
) -> None:
    """Puts other words into a message."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).chat.edit(message, text)), COLUMNS)


@app.command("delete")
def delete(room: Room, message: Message, server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Takes a message back."""
    remote = Remote(server, key, as_json)
    remote.ask(lambda admin: admin.room(room).chat.delete(message))
    remote.done(f"{message} is taken back")


@app.command("ready")
def ready(
    room: Room,
    clear: Annotated[bool, typer.Option("--clear", help="Nobody is, from now on.")] = False,
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Who is ready for what comes next, and who isn't."""
    remote = Remote(server, key, as_json)
    standing = remote.ask(lambda admin: admin.room(room).chat.clear_ready() if clear else admin.room(room).chat.ready())
    remote.show(standing, ("ready", "waiting"))

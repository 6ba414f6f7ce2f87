"""``mcu layout``: how the views of a room arrange its people."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.remote import EXIT_CODES, EXIT_USAGE, LOCAL, AsJson, Key, Remote, Server, end, named

if TYPE_CHECKING:
    from mcu.protocol.layout import LayoutState
    from mcu.protocol.versions import ScheduledLayout

app = typer.Typer(help=f"How views arrange people. {EXIT_CODES}", no_args_is_help=True)

Room = Annotated[str, typer.Argument(help="The room's name.")]
View = Annotated[str, typer.Option(help="The view's name.")]
COLUMNS = ("preset", "pinned", "gap", "max_tiles", "labels", "background")


@app.command("show")
def show(room: Room, view: View = "main", server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """The layout of a view."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).view(view).layout()).layout, COLUMNS)


@app.command("set")
def set_layout(
    room: Room,
    preset: Annotated[str | None, typer.Argument(help="grid, speaker, sidebar, pip … or plugin:<name>.")] = None,
    pin: Annotated[str | None, typer.Option(help="This participant gets the first place; - nobody.")] = None,
    file: Annotated[
        typer.FileText | None, typer.Option(help="JSON to merge in (RFC 7396); - is the standard input.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="When: 2026-12-24T18:00:00Z.")] = None,
    view: View = "main",
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Changes the layout of a view; what isn't said stays."""
    remote = Remote(server, key, as_json)
    patch = _read(file) | named(preset=preset, pinned=pin, at=at)
    if pin == "-":
        patch["pinned"] = None
    if not patch:
        end("say what to change: a preset, --pin or --file", EXIT_USAGE)
    _show(remote, remote.ask(lambda admin: admin.room(room).view(view).patch_layout(patch)))


@app.command("undo")
def undo(room: Room, view: View = "main", server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """Takes back the last change that is not undone yet."""
    remote = Remote(server, key, as_json)
    _show(remote, remote.ask(lambda admin: admin.room(room).view(view).undo_layout()))


@app.command("history")
def history(room: Room, view: View = "main", server: Server = LOCAL, key: Key = None, as_json: AsJson = False) -> None:
    """The last versions of a view's layout, the newest first."""
    remote = Remote(server, key, as_json)
    versions = remote.ask(lambda admin: admin.room(room).view(view).layout_versions())
    remote.show(versions, ("etag", "changed_at", "by", "undo", "layout"))


@app.command("scheduled")
def scheduled(
    room: Room, view: View = "main", server: Server = LOCAL, key: Key = None, as_json: AsJson = False
) -> None:
    """The changes that wait for their time, the next one first."""
    remote = Remote(server, key, as_json)
    remote.show(remote.ask(lambda admin: admin.room(room).view(view).scheduled_layouts()), ("id", "at", "by"))


@app.command("cancel")
def cancel(
    room: Room,
    change: Annotated[str, typer.Argument(help="Its id, as `scheduled` shows it.")],
    view: View = "main",
    server: Server = LOCAL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Takes a change off the schedule."""
    remote = Remote(server, key, as_json)
    remote.ask(lambda admin: admin.room(room).view(view).cancel_layout(change))
    remote.done(f"{change} will not be made")


def _show(remote: Remote, made: "LayoutState | ScheduledLayout") -> None:
    from mcu.protocol.layout import LayoutState

    if isinstance(made, LayoutState):
        remote.show(made.layout, COLUMNS)
    else:
        remote.show(made, ("id", "at"))


def _read(file: typer.FileText | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        read = json.load(file)
    except (ValueError, RecursionError) as error:
        end(f"--file: this is no JSON: {error}", EXIT_USAGE)
    if not isinstance(read, dict):
        end("--file: a layout is an object", EXIT_USAGE)
    return read

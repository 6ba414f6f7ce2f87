"""Opening a room again as it was before its worker died, as far as the gateway knows."""

from collections.abc import Iterator

import structlog

from mcu.engine.remote import Memory, RemoteRoom
from mcu.errors import McuError
from mcu.protocol.commands import Command, CreateView, SetBanner, SetLayout, StartRecording

log = structlog.get_logger()


async def restore(room: RemoteRoom, was: Memory) -> None:
    """Views and what they wear first, then a second part of every recording that ran. What the room refuses is left
    out and logged: a room with less is better than none.
    """
    for command in _commands(was):
        try:
            await room.call(command)
        except McuError as error:
            log.warning("room_not_as_it_was", room=room.name, command=command.type, error=error.message)


def _commands(was: Memory) -> Iterator[Command]:
    for view in was.views:
        if view.name != "main":
            yield CreateView(spec=view)
    for name, layout in was.layouts.items():
        # Who was pinned isn't back yet, and a layout that pins somebody who isn't there is refused.
        yield SetLayout(view=name, layout=layout.model_copy(update={"pinned": None}))
    for name, banner in was.banners.items():
        yield SetBanner(view=name, banner=banner)
    yield from was.images.values()
    for name in sorted(set(was.recordings.values())):
        yield StartRecording(view=name)

"""What a room is asked again when it opens again."""

from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from mcu.protocol.decor import Banner
from mcu.protocol.dressing import SetBackgroundImage, SetBanner, SetLogo
from mcu.protocol.groups import GroupSpec, SetGroup

Replay = SetBanner | SetBackgroundImage | SetLogo | SetGroup
"""A command that says all there is of one thing: the last one brings it back."""

Key = tuple[str, str]

REPLAY: Final[TypeAdapter[Replay]] = TypeAdapter(Annotated[Replay, Field(discriminator="type")])


def key_of(command: Replay) -> Key:
    """What it is about: a command of the same key replaces it."""
    return command.type, command.group if isinstance(command, SetGroup) else command.view


def is_plain(command: Replay) -> bool:
    """Whether it leaves things as they are in a room nobody has touched: then there is nothing to keep."""
    match command:
        case SetBanner():
            return command.banner == Banner()
        case SetGroup():
            return command.spec == GroupSpec()
        case _:
            return command.image is None

"""What an object still leads to: whether anything in it remembers somebody who has left."""

import asyncio
import contextvars
import gc
import types
from collections import deque
from collections.abc import Iterator
from typing import Any

_NOT_ITS_OWN = (types.ModuleType, type, types.CodeType, types.BuiltinFunctionType, asyncio.AbstractEventLoop)
"""What leads to everything there is."""


def reachable(root: object, *without: type) -> Iterator[object]:
    """Every object that ``root`` leads to, itself first, through containers, attributes, closures and tasks, but not
    through those of the classes ``without``.
    """
    barred = (*_NOT_ITS_OWN, contextvars.Context, *without)
    seen, waiting = {id(root)}, deque([root])
    while waiting:
        found = waiting.popleft()
        yield found
        for one in _referents(found):
            if id(one) not in seen and not isinstance(one, barred):
                seen.add(id(one))
                waiting.append(one)


def mentions(root: object, word: str, *without: type) -> list[str]:
    """The texts that ``root`` leads to, but not by ``without``, and that have ``word`` in them."""
    texts = (one.decode(errors="replace") if isinstance(one, bytes) else one for one in reachable(root, *without))
    return [text[:200] for text in texts if isinstance(text, str) and word in text]


def living(*kinds: type) -> int:
    """How many objects of these very classes there are, whoever holds them."""
    return sum(type(one) in kinds for one in gc.get_objects())


def _referents(found: object) -> list[Any]:
    if isinstance(found, types.FunctionType):
        return [*(found.__closure__ or ()), *(found.__defaults__ or ())]
    return gc.get_referents(found)

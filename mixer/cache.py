"""A bounded memory of things that are dear to make."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """At most ``bound`` values; the one unused for longest makes room. For one thread."""

    def __init__(self, bound: int) -> None:
        if bound < 1:
            raise ValueError(f"a cache holds at least one value, not {bound}")
        self._bound = bound
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of ``key``, made now if it is not there. What ``make`` raises is passed on and nothing kept."""
        try:
            self._values.move_to_end(key)
        except KeyError:
            self._values[key] = make()
            if len(self._values) > self._bound:
                self._values.popitem(last=False)
        return self._values[key]

    def __len__(self) -> int:
        return len(self._values)

"""How what is said on a data channel stands in its messages: text, or JSON in octets as PeerJS sends it."""

from typing import Protocol

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from mcu.errors import BadRequest


class Packing(Protocol):
    """``octets``: the words are octets, one character each."""

    def read(self, words: str, *, octets: bool) -> JsonValue:
        """Raises ``BadRequest``."""

    def write(self, value: JsonValue) -> tuple[str, bool]:
        """The words, and whether they are octets."""


class Text:
    """Plain words; those of somebody whose program speaks are a JSON object with a ``type``."""

    def read(self, words: str, *, octets: bool) -> JsonValue:
        if octets:
            raise BadRequest("binary messages are not understood")
        if words.startswith("{"):
            try:
                value = from_json(words, allow_inf_nan=False)
            except ValueError:
                return words
            if isinstance(value, dict) and isinstance(value.get("type"), str):
                return value
        return words

    def write(self, value: JsonValue) -> tuple[str, bool]:
        return (value if isinstance(value, str) else to_json(value).decode()), False


class Json:
    """JSON, always; ``octets``: in UTF-8 rather than text."""

    def __init__(self, *, octets: bool) -> None:
        self._octets = octets

    def read(self, words: str, *, octets: bool) -> JsonValue:
        try:
            value: JsonValue = from_json(words.encode("latin-1") if octets else words, allow_inf_nan=False)
        except ValueError:
            raise BadRequest("not valid JSON") from None
        return value

    def write(self, value: JsonValue) -> tuple[str, bool]:
        packed = to_json(value)
        return (packed.decode("latin-1"), True) if self._octets else (packed.decode(), False)

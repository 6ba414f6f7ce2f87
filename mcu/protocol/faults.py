"""How a model says which of its fields is wrong, when only the whole shows that it is."""

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


def fault(path: tuple[str | int, ...], message: str) -> ValidationError:
    """An error for a model's validator to raise: pydantic puts the place of the model before ``path``."""
    escaped = message.replace("{", "{{").replace("}", "}}")
    detail = InitErrorDetails(type=PydanticCustomError("layout", escaped), loc=path, input=None)
    return ValidationError.from_exception_data("layout", [detail])

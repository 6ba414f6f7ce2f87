"""What the commands that ask a running server share: where it is, what to show, and how they end."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from client.admin import Admin

EXIT_REFUSED, EXIT_USAGE, EXIT_LOST = 1, 2, 3
EXIT_CODES = "Exit codes: 0 done; 1 the server refused; 2 wrong usage; 3 the server can't be reached, or failed."
AnswerT = TypeVar("AnswerT")

Server = Annotated[str, typer.Option("--server", envvar="MCU_SERVER", help="The server's address.", show_envvar=True)]
Key = Annotated[
    str | None,
    typer.Option("--key", envvar="MCU_KEY", help="An admin key or a join token, where it has keys.", show_envvar=True),
]
AsJson = Annotated[bool, typer.Option("--json", help="The server's own JSON, and nothing else.")]
LOCAL = "http://localhost:8080"


@dataclass(frozen=True, slots=True)
class Remote:
    """A server to ask."""

    server: str
    key: str | None
    as_json: bool

    def ask(self, what: "Callable[[Admin], Awaitable[AnswerT]]") -> AnswerT:
        """The answer, or an end with the exit code that fits and one line on the standard error."""
        from client.admin import Admin, ServerFailed
        from client.errors import ConnectionLost, RequestRefused

        async def asked() -> AnswerT:
            async with Admin(self.server, self.key) as admin:
                return await what(admin)

        try:
            return asyncio.run(asked())
        except (ConnectionLost, ServerFailed) as lost:
            end(lost.message, EXIT_LOST)
        except RequestRefused as refused:
            end(f"{refused.field}: {refused.message}" if refused.field else refused.message, EXIT_REFUSED)
        except ValidationError as wrong:
            first = wrong.errors(include_url=False)[0]
            end(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", EXIT_USAGE)
        except (ValueError, OSError) as wrong:
            end(str(wrong), EXIT_USAGE)

    def show(self, answer: BaseModel | Sequence[BaseModel], columns: Sequence[str]) -> None:
        """As JSON, or as a table: a line for each of several, a line for each column of one."""
        if self.as_json:
            typer.echo(json.dumps(_plain(answer), ensure_ascii=False, indent=2))
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(show_header=not isinstance(answer, BaseModel), box=None, pad_edge=False)
        if isinstance(answer, BaseModel):
            for column in columns:
                table.add_row(column, _cell(getattr(answer, column)))
        else:
            for column in columns:
                table.add_column(column, overflow="fold")
            for one in answer:
                table.add_row(*(_cell(getattr(one, column)) for column in columns))
        Console(soft_wrap=False).print(table, markup=False, highlight=False)

    def done(self, said: str) -> None:
        """For what has no answer: JSON has nothing to say either."""
        if not self.as_json:
            typer.echo(said)


def end(message: str, code: int) -> NoReturn:
    typer.secho(message, err=True, fg=typer.colors.RED)
    raise typer.Exit(code)


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """``key=value``, each once more than nothing. Ends with status 2."""
    found = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals:
            end(f"{option} {one}: write it as key=value", EXIT_USAGE)
        found[key] = value
    return found


def file_of_kind(file: Path, kinds: Mapping[str, str]) -> tuple[bytes, str]:
    """What is in it, and its media type by its name. Ends with status 2."""
    kind = kinds.get(file.suffix.lower())
    if kind is None:
        end(f"{file}: the name ends in none of {', '.join(kinds)}", EXIT_USAGE)
    try:
        return file.read_bytes(), kind
    except OSError as wrong:
        end(str(wrong), EXIT_USAGE)


def named(**options: Any) -> dict[str, Any]:
    """Those that were given."""
    return {key: value for key, value in options.items() if value is not None}


def _plain(answer: BaseModel | Sequence[BaseModel]) -> object:
    if isinstance(answer, BaseModel):
        return answer.model_dump(mode="json")
    return [one.model_dump(mode="json") for one in answer]


def _cell(value: object) -> Any:
    from rich.text import Text

    match value:
        case None | "":
            said = "–"
        case bool():
            said = "yes" if value else "no"
        case dict():
            said = ", ".join(f"{key}={part}" for key, part in value.items())
        case float():
            said = f"{value:.1f}"
        case list() | tuple():
            said = ", ".join(str(getattr(part, "name", part)) for part in value)
        case _:
            said = f"{value:%Y-%m-%d %H:%M:%S}" if hasattr(value, "isoformat") else str(value)
    return Text(said)  # names of people and rooms are no markup

"""``mcu token``: keys and join tokens, made on the server's own machine."""

import json
import secrets
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.options import Config, fail, read_settings
from api.cli.remote import Key, Remote

app = typer.Typer(help="Join tokens and keys.", no_args_is_help=True)


@app.command("create")
def create(
    room: Annotated[str | None, typer.Option(help="The room it is for; none only with the grant admin.")] = None,
    identity: Annotated[str | None, typer.Option(help="A second join with it replaces the first.")] = None,
    name: Annotated[str | None, typer.Option(help="What others read.")] = None,
    ttl: Annotated[int, typer.Option(help="Seconds it can be used to join.", min=1)] = 3600,
    grant: Annotated[
        list[str] | None,
        typer.Option(help="record, admin, role=moderator, publish=camera,microphone, subscribe=false … Repeatable."),
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(help="key=value: what layouts can choose them by (attr:key=value). Repeatable."),
    ] = None,
    config: Config = None,
    server: Annotated[str | None, typer.Option(help="A running server that shall sign it.")] = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="With when it ends.")] = False,
) -> None:
    """Prints a join token, signed with the first of the configured keys, or by --server.

    Exit codes: 0 done; 1 the server refused; 2 wrong usage; 3 the server can't be reached, or failed.
    """
    grants: dict[str, Any] = {"room": room} | dict(_parse(one) for one in grant or ())
    if room is None and not grants.get("admin"):
        fail("--room is missing (only a token with the grant admin may go without)")
    attributes = dict(_pair(one) for one in attribute or ())
    wanted = {"identity": identity, "name": name, "grants": grants, "attributes": attributes, "ttl_s": ttl}
    token, expires_at = _here(config, wanted) if server is None else _there(Remote(server, key, as_json), wanted)
    typer.echo(json.dumps({"token": token, "expires_at": expires_at.isoformat()}) if as_json else token)


def _here(config: Path | None, wanted: dict[str, Any]) -> tuple[str, datetime]:
    from api.auth import Authority, TokenSpec
    from api.errors import validated
    from mcu.errors import Conflict, Unprocessable

    settings = read_settings(config)
    if not settings.keys:
        fail("no keys are set: put keys.<id> into mcu.toml or MCU_KEYS; `mcu token key` makes a secret")
    try:
        issued = Authority(settings.keys, settings.admin_keys).issue(validated(TokenSpec, wanted))
    except Unprocessable as error:
        fail(f"{error.field}: {error.message}")
    except Conflict as error:
        fail(error.message)
    return issued.token, issued.expires_at


def _there(remote: Remote, wanted: dict[str, Any]) -> tuple[str, datetime]:
    issued = remote.ask(lambda admin: admin.create_token(**wanted))
    return issued.token, issued.expires_at


@app.command("key")
def key() -> None:
    """Prints a fresh secret for `keys` or `admin_keys`."""
    typer.echo(secrets.token_urlsafe(32))


def _pair(attribute: str) -> tuple[str, str]:
    key, equals, value = attribute.partition("=")
    if not equals:
        fail(f"--attribute {attribute}: write it as key=value")
    return key, value


def _parse(grant: str) -> tuple[str, str | bool | list[str]]:
    key, equals, value = grant.partition("=")
    if not equals:
        return key, True
    return key, [part for part in value.split(",") if part] if key == "publish" else value

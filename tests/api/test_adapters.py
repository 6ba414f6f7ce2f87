"""Adapters translate. Who may do what, and what becomes of a room, is decided in ``api.session`` and the gateway."""

import ast
from collections.abc import Iterator
from pathlib import Path

import api

ROOT = Path(next(iter(api.__path__)))
ADAPTERS = sorted([*(ROOT / "signaling").rglob("*.py"), *(ROOT / "routes").rglob("*.py")])


def rules_in(path: Path) -> Iterator[str]:
    """What an adapter has no business with: grants, decisions on them, and rooms themselves."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.ImportFrom(module=str(module)) if module.startswith(("mcu.room", "mcu.engine", "mcu.store")):
                yield f"imports {module}"
            case ast.Attribute(value=ast.Attribute(attr="grants"), attr=attr) if attr != "room":
                yield f"reads the grant {attr}"
            case ast.Call(func=ast.Attribute(attr="may" | "require")):
                yield "decides who may do something"
            case ast.Call(func=ast.Name(id="Forbidden")):
                yield "forbids something"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="handle"), attr="call")):
                yield "asks a room past its session"


def test_an_adapter_holds_no_rule_of_the_room() -> None:
    assert len(ADAPTERS) > 30
    found = {str(path.relative_to(ROOT)): list(rules_in(path)) for path in ADAPTERS}
    assert {name: rules for name, rules in found.items() if rules} == {}


def test_such_rules_would_be_found() -> None:
    assert list(rules_in(ROOT / "session" / "entering.py"))
    assert list(rules_in(ROOT / "session" / "people.py"))
    assert list(rules_in(ROOT / "gateway.py"))

"""Servers that share a database, each with rows of its own; and what rooms are asked again when they open again."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

FIRST_SERVER = "mcu"
"""Whose rows there were before servers had names: that of the setting's default."""


def upgrade() -> None:
    for name, columns in _OF_ROOMS.items():
        _remake(name, [_server(primary_key=True), *columns()], added=FIRST_SERVER)
    for name in ("recordings", "outbox"):
        op.add_column(name, _server(nullable=False, server_default=FIRST_SERVER))
    op.drop_index("outbox_lanes", "outbox")
    op.create_index("outbox_lanes", "outbox", ["server", "endpoint", "room", "id"])
    op.create_table(
        "replays",
        _server(primary_key=True),
        sa.Column("room", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("of_view", sa.Boolean, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("replays")
    op.drop_index("outbox_lanes", "outbox")
    op.create_index("outbox_lanes", "outbox", ["endpoint", "room", "id"])
    for name in ("recordings", "outbox"):
        op.drop_column(name, "server")
    for name, columns in _OF_ROOMS.items():
        _remake(name, columns(), only=FIRST_SERVER)


def _server(**options: Any) -> sa.Column[str]:
    return sa.Column("server", sa.String(64), **options)


def _rooms() -> list[sa.Column[Any]]:
    return [
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("views", sa.Text, nullable=False),
        sa.Column("announced", sa.Boolean, nullable=False),
    ]


def _layout_versions() -> list[sa.Column[Any]]:
    return [
        sa.Column("room", sa.String(64), primary_key=True),
        sa.Column("view", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Text, nullable=False),
    ]


def _scheduled_layouts() -> list[sa.Column[Any]]:
    return [
        sa.Column("room", sa.String(64), primary_key=True),
        sa.Column("view", sa.String(32), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("change", sa.Text, nullable=False),
    ]


_OF_ROOMS = {"rooms": _rooms, "layout_versions": _layout_versions, "scheduled_layouts": _scheduled_layouts}


def _remake(name: str, columns: Sequence[sa.Column[Any]], *, added: str | None = None, only: str | None = None) -> None:
    """The table with another primary key, which SQLite changes in no other way. ``added``: whose rows they become;
    ``only``: of whose rows those are kept that have no other owner any more.
    """
    fresh = op.create_table(f"{name}_remade", *columns)
    names = [column.name for column in columns if column.name != "server"]
    old = sa.table(name, *(sa.column(one) for one in (*names, "server")))
    values: list[Any] = [old.c[one] for one in names]
    rows = sa.select(*values, *([] if added is None else [sa.literal(added)]))
    if only is not None:
        rows = rows.where(old.c.server == only)
    op.execute(sa.insert(fresh).from_select([*names, *([] if added is None else ["server"])], rows))
    op.drop_table(name)
    op.rename_table(f"{name}_remade", name)

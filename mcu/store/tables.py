"""The tables as they are now. ``migrations/`` says how they became so, and a test holds the two together.

What the server only reads back whole is one JSON text, checked by its pydantic model when it is read; columns are
what is searched by. Times are whole milliseconds since the Unix epoch.

``server`` is the name of the server whose row it is: several may share a database, each with rooms of its own.
"""

import sqlalchemy as sa

METADATA = sa.MetaData()

ROOMS = sa.Table(
    "rooms",
    METADATA,
    sa.Column("server", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("views", sa.Text, nullable=False),
    sa.Column("announced", sa.Boolean, nullable=False),
)
"""The rooms that are open, or that were when their server ended."""

LAYOUT_VERSIONS = sa.Table(
    "layout_versions",
    METADATA,
    sa.Column("server", sa.String(64), primary_key=True),
    sa.Column("room", sa.String(64), primary_key=True),
    sa.Column("view", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Text, nullable=False),
)

SCHEDULED_LAYOUTS = sa.Table(
    "scheduled_layouts",
    METADATA,
    sa.Column("server", sa.String(64), primary_key=True),
    sa.Column("room", sa.String(64), primary_key=True),
    sa.Column("view", sa.String(32), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change", sa.Text, nullable=False),
)

REPLAYS = sa.Table(
    "replays",
    METADATA,
    sa.Column("server", sa.String(64), primary_key=True),
    sa.Column("room", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("of_view", sa.Boolean, nullable=False),
    sa.Column("command", sa.Text, nullable=False),
)
"""What a room is asked again when it opens again; ``name`` is that of the view or group that it is about."""

RECORDINGS = sa.Table(
    "recordings",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("room", sa.String(64), nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("running", sa.Boolean, nullable=False),
    sa.Column("info", sa.Text, nullable=False),
    sa.Column("server", sa.String(64), nullable=False),
    sa.Index("recordings_of_room", "room", "started_ms"),
)
"""An index: the truth is the manifest that lies beside each recording."""

OUTBOX = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("endpoint", sa.String(64), nullable=False),
    sa.Column("room", sa.String(64), nullable=False),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_ms", sa.BigInteger, nullable=False),
    sa.Column("server", sa.String(64), nullable=False),
    sa.Index("outbox_lanes", "server", "endpoint", "room", "id"),
    sqlite_autoincrement=True,
)
"""What each webhook endpoint has still to be told. Rows of one server, endpoint and room leave in the order of their
ids. Each server delivers what it put in, so that no two ever deliver the same.
"""

BANS = sa.Table(
    "bans",
    METADATA,
    sa.Column("room", sa.String(64), primary_key=True),
    sa.Column("identity", sa.String(64), primary_key=True),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(256), nullable=False),
)
"""Of all servers: who is banned from a room is so wherever that room is."""

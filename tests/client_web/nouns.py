"""Who and what the room made of nothing is about, as the wire has them."""

from typing import Any

ME = "p-me"
JOINED_AT = "2026-01-01T00:00:00Z"
SENT_AT = "2026-01-01T00:10:00Z"


def person(who: str, name: str, **media: bool) -> dict[str, Any]:
    """A ParticipantInfo of the wire."""
    return {
        "id": who,
        "name": name,
        "role": "participant",
        "presence": "connected",
        "media": {"audio": True, "video": True, "screen": False, **media},
        "server_muted_audio": False,
        "server_muted_video": False,
        "hand": False,
        "view": "main",
        "joined_at": JOINED_AT,
    }


def message(identifier: str, sender: str | None, text: str, **fields: Any) -> dict[str, Any]:
    """A ChatMessage of the wire; later ones have greater identifiers."""
    return {
        "id": identifier,
        "sender": sender,
        "name": "Server" if sender is None else sender.removeprefix("p-").title(),
        "text": text,
        "channel": None,
        "to": None,
        "sent_at": JOINED_AT,
        "edited_at": None,
    } | fields

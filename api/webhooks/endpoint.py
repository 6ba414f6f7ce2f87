"""Who is to be told what, and what becomes of a room's news for them."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from api.settings import WebhookSettings
from api.webhooks.events import WebhookEvent, body_of
from api.webhooks.signature import key_of
from mcu.engine.news import News
from mcu.protocol.models import ParticipantInfo
from mcu.store.interfaces import NewEntry


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``name`` is what the outbox knows it by: events that wait stay its own for as long as the name stays."""

    name: str
    url: str
    key: bytes = field(repr=False)
    events: frozenset[WebhookEvent]

    @classmethod
    def of(cls, settings: WebhookSettings) -> "Endpoint":
        url = str(settings.url)
        name = settings.name or hashlib.sha256(url.encode()).hexdigest()[:12]
        return cls(name, url, key_of(settings.secret.get_secret_value()), frozenset(settings.events))


class WebhookAnnouncer:
    """An ``Announcer``: one entry for each endpoint that asked for such an event."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        new_id: Callable[[], str] = lambda: f"evt_{secrets.token_hex(12)}",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._new_id = new_id
        self._now = now

    def __call__(self, room: str, news: News, person: ParticipantInfo | None) -> Sequence[NewEntry]:
        body = body_of(room, news, person, self._new_id, self._now)
        if body is None:
            return ()
        wanted = [endpoint for endpoint in self._endpoints if body.type in endpoint.events]
        if not wanted:
            return ()
        text, created_ms = body.model_dump_json(), round(body.at.timestamp() * 1000)
        return [NewEntry(endpoint.name, room, body.id, text, created_ms) for endpoint in wanted]

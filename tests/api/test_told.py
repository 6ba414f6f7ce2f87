"""What webhooks tell of a whole meeting of real rooms: everything, once, in its order, and nothing of who is hidden."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from api.webhooks.events import ALL_EVENTS
from tests.api.conftest import meet
from tests.api.people import ADMIN_KEY, KEY, ROOM, Meeting
from tests.conftest import StartEngine
from tests.kit.receiver import WebhookReceiver, running_receiver

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0cywgbG9uZw=="
BOUND_S = 20.0


@pytest.fixture
async def told(
    recordings_dir: Path, stack: AsyncExitStack, real_engine: StartEngine
) -> AsyncIterator[tuple[Meeting, WebhookReceiver]]:
    with running_receiver(SECRET) as receiver:
        hook = {"url": receiver.url, "secret": SECRET, "name": "test", "events": ALL_EVENTS}
        keys: dict[str, Any] = {"keys": {"k1": KEY}, "admin_keys": (ADMIN_KEY,)}
        yield await meet(real_engine, recordings_dir, stack, webhooks=(hook,), **keys), receiver


def word(event: dict[str, Any]) -> str:
    data = event["data"]
    who = (data.get("participant") or {}).get("id", "")
    what = data.get("tier") or data.get("reason") or (data.get("recording") or {}).get("state") or ""
    return " ".join(part for part in (event["type"], who, what) if part)


async def test_a_whole_meeting_is_told_in_order(told: tuple[Meeting, WebhookReceiver]) -> None:
    meeting, receiver = told
    await meeting.set_room(metadata={"topic": "tea"})
    mod = await meeting.enter("mod", role="moderator")
    unseen = await meeting.enter("unseen", hidden=True)
    await meeting.set_room(lobby=True)
    bob = await meeting.enter("bob")
    await mod.ask("admit", participant="bob")
    await bob.event("joined")
    await mod.ask("role", participant="bob", role="moderator")
    for who in ("unseen", "bob"):
        quality = await meeting.admin.put(f"{ROOM}/participants/{who}/quality", json={"choice": "low"})
        assert quality.json()["tier"] == "low", quality.text
    await mod.ask("layout", layout={"preset": "speaker"})
    await mod.ask("kick", participant="bob", reason="enough")
    await unseen.ask("leave")
    await mod.ask("leave")
    assert (await meeting.admin.delete(ROOM)).status_code == 204
    expected = [
        "room_opened",
        "room_updated",
        "participant_joined mod",
        "room_updated",
        "room_updated",
        "participant_waiting bob",
        "participant_joined bob",
        "participant_updated bob",
        "quality_changed bob low",
        "layout_changed",
        "participant_left bob kicked",
        "participant_left mod left",
        "room_updated",  # it has no owner any more
        "room_closed deleted",
    ]
    await asyncio.to_thread(receiver.wait, BOUND_S, taken=len(expected))
    assert [word(event) for event in receiver.taken] == expected
    assert len({event["id"] for event in receiver.taken}) == len(expected)
    assert "unseen" not in str(receiver.taken)
    assert receiver.forged == 0
    assert receiver.taken[1]["data"]["room"]["metadata"] == {"topic": "tea"}

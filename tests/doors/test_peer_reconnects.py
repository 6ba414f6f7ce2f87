"""A peer loses its socket and comes back on another, as ``peer.reconnect()`` does: its call to a room goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.api.conftest import meet
from tests.api.people import ADMIN_KEY, KEY, ROOM, Meeting, pass_for
from tests.conftest import StartEngine
from tests.doors.channelclient import ChannelClient, a_channel
from tests.doors.peerclient import PeerClient, a_peer, opened
from tests.kit.rtc import PATIENCE_S


async def people(meeting: Meeting) -> list[str]:
    return [one["id"] for one in (await meeting.admin.get(f"{ROOM}/participants")).json()["participants"]]


async def said(meeting: Meeting, count: int) -> list[str]:
    """What was said in the room, once it is so many messages."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            messages = (await meeting.admin.get(f"{ROOM}/messages")).json()["messages"]
            if len(messages) >= count:
                return [message["text"] for message in messages]


@asynccontextmanager
async def calling(peer: PeerClient) -> AsyncIterator[ChannelClient]:
    """A call to the room, with the chat beside the microphone."""

    async def answer(sdp: str) -> str:
        offer: dict[str, Any] = {"type": "media", "connectionId": "c", "sdp": {"type": "offer", "sdp": sdp}}
        await peer.send("OFFER", "mcu:team", offer | {"serialization": "raw"})
        found: str = (await peer.receive())["payload"]["sdp"]["sdp"]
        return found

    async with a_channel(answer) as channel:
        yield channel


async def test_a_call_goes_on_while_its_socket_is_away_and_with_the_next(open_meeting: Meeting) -> None:
    server = open_meeting.server
    async with a_peer(server, "ada", "mine") as ada:
        await opened(ada)
        async with calling(ada) as channel:
            channel.channel.send("one")
            await said(open_meeting, 1)
            (me,) = await people(open_meeting)
            await ada.connection.close()
            channel.channel.send("two")
            await said(open_meeting, 2)
            async with a_peer(server, "ada", "another") as thief:
                await opened(thief)
                await thief.send("LEAVE", "mcu:team")
                await thief.send("HEARTBEAT")
            async with a_peer(server, "ada", "mine") as again:
                await opened(again)
                async with a_peer(server, "ada", "mine") as third:  # before the server knows that the last one is gone
                    await opened(third)
                    channel.channel.send("three")
                    assert await said(open_meeting, 3) == ["one", "two", "three"]
                    assert await people(open_meeting) == [me]
                    await open_meeting.admin.delete(f"{ROOM}/participants/{me}")
                    assert await third.receive() == {"type": "LEAVE", "src": "mcu:team", "dst": "ada"}
    assert await people(open_meeting) == []


async def test_who_stays_away_is_gone(recordings_dir: Path, stack: AsyncExitStack, real_engine: StartEngine) -> None:
    impatient = await meet(
        real_engine, recordings_dir, stack, keys={"k1": KEY}, admin_keys=(ADMIN_KEY,), media={"grace_s": 0.5}
    )
    async with a_peer(impatient.server, "ada", pass_for(None)) as ada:
        await opened(ada)
        async with calling(ada) as channel:
            await ada.connection.close()
            await channel.until_closed()
            async with asyncio.timeout(PATIENCE_S):
                while await people(impatient):
                    pass


async def test_a_hang_up_needs_no_socket(open_meeting: Meeting) -> None:
    async with a_peer(open_meeting.server, "ada", "mine") as ada:
        await opened(ada)
        async with calling(ada) as channel:
            await ada.connection.close()
            channel.channel.send("still here")
            await said(open_meeting, 1)
        async with asyncio.timeout(PATIENCE_S):
            while await people(open_meeting):
                pass

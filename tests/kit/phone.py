"""``python -m tests.kit.phone url room token``: somebody who calls from a telephone until their standard input ends.

Writes a line of JSON four times a second: how they are, and what they have heard and seen.
"""

import asyncio
import json
import sys

from client.room import Room
from client.sources import Tone
from tests.system.people import BO

EVERY_S = 0.25


async def call(url: str, room_name: str, token: str) -> None:
    async with Room.connect(url, room_name, "Bo", token=token, audio=Tone(BO.tone_hz, 0.1), video=BO.card) as room:
        talking = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        while not talking.done():
            stats = room.stats
            state = {
                "id": room.participant.id,
                "state": room.state,
                "reconnects": stats.reconnects,
                "offers": stats.offers,
                "pictures": stats.pictures,
                "chat": [message.text for message in room.chat.messages],
            }
            print(json.dumps(state), flush=True)
            await asyncio.wait({talking}, timeout=EVERY_S)


if __name__ == "__main__":
    asyncio.run(call(*sys.argv[1:4]))

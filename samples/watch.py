"""Join a room, say who speaks, keep a few seconds of it.

``python -m samples.watch http://127.0.0.1:8080 demo [watched.mp4 [5]]``
"""

import asyncio
import contextlib
import sys

from client.errors import ClientError
from client.recording import recording
from client.room import Room
from mcu.protocol.events import Speakers


async def watch(url: str, name: str, path: str = "watched.mp4", keep_s: str = "5") -> None:
    async with Room.connect(url, name, "Watcher") as room:
        print("in the room:", ", ".join(participant.name for participant in room.participants.values()))
        await anext(room.pictures())
        async with recording(room, path) as recorder:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(float(keep_s)):
                    speaker = None
                    async for event in room.events():
                        if isinstance(event, Speakers) and event.dominant != speaker:
                            speaker = event.dominant
                            somebody = room.participants.get(speaker or "")
                            print(somebody.name if somebody else "nobody", "speaks")
        kept = recorder.result()
        print(f"{kept.path}: {kept.pictures} pictures, {kept.duration_s:.1f} s")


if __name__ == "__main__":
    try:
        asyncio.run(watch(*sys.argv[1:5]))
    except ClientError as error:
        sys.exit(error.message)

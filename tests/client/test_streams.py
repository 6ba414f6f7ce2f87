"""Bounded streams: nobody's slowness costs memory, and nobody waits for somebody else."""

import asyncio
import gc

import pytest

from client.streams import Broadcast


async def test_a_slow_reader_keeps_the_newest() -> None:
    stream: Broadcast[int] = Broadcast()
    slow, quick = stream.reader(2), stream.reader(10)
    for number in range(10):
        stream.publish(number)
    stream.close()
    assert [value async for value in slow] == [8, 9]
    assert slow.dropped == 8
    assert [value async for value in quick] == list(range(10))
    assert quick.dropped == 0


async def test_a_reader_waits_and_is_woken() -> None:
    stream: Broadcast[int] = Broadcast()
    reader = stream.reader(1)
    waiting = asyncio.create_task(anext(reader))
    await asyncio.sleep(0)
    assert not waiting.done()
    stream.publish(7)
    assert await asyncio.wait_for(waiting, 5) == 7


async def test_an_error_comes_after_the_last_value() -> None:
    stream: Broadcast[int] = Broadcast()
    reader = stream.reader(3)
    stream.publish(1)
    stream.close(RuntimeError("gone"))
    assert await anext(reader) == 1
    for late in (reader, stream.reader(1)):
        with pytest.raises(RuntimeError, match="gone"):
            await anext(late)


async def test_a_forgotten_reader_is_freed() -> None:
    stream: Broadcast[int] = Broadcast()
    for _ in range(100):
        stream.reader(5)
    gc.collect()
    kept = stream.reader(5)
    stream.publish(1)
    assert len(kept) == 1
    assert len(stream._readers) == 1
    kept.close()
    stream.publish(2)
    assert [value async for value in kept] == [1]


def test_a_reader_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room for at least one"):
        Broadcast[int]().reader(0)

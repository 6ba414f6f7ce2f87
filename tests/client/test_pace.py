"""Deadlines on a clock that the test holds."""

from client.pace import NS_PER_S, Beat, Timeline


class HeldClock:
    """Moves only when somebody sleeps on it, a little too long each time, as real clocks do."""

    def __init__(self, oversleep_ns: int = 0) -> None:
        self.now = 5 * NS_PER_S
        self.slept = 0
        self._oversleep_ns = oversleep_ns

    def read(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept += 1
        self.now += round(seconds * NS_PER_S) + self._oversleep_ns


async def test_oversleeping_does_not_add_up() -> None:
    clock = HeldClock(oversleep_ns=3_000_000)
    beat = Beat(Timeline(None, clock.read, clock.sleep), 30)
    began = clock.now
    indices = [await beat.next() for _ in range(3001)]
    assert indices == list(range(3001))
    assert clock.now - began == 100 * NS_PER_S + 3_000_000
    assert beat.skipped == 0


async def test_an_index_is_never_early() -> None:
    clock = HeldClock(oversleep_ns=1)
    timeline = Timeline(clock.now, clock.read, clock.sleep)
    beat = Beat(timeline, 29)
    for _ in range(100):
        index = await beat.next()
        assert (clock.now - timeline.epoch_ns) * 29 >= index * NS_PER_S


async def test_a_late_picture_is_skipped_and_a_late_sound_made_up_for() -> None:
    clock = HeldClock()
    timeline = Timeline(None, clock.read, clock.sleep)
    pictures, sounds = Beat(timeline, 20), Beat(timeline, 50, patience=10)
    assert (await pictures.next(), await sounds.next()) == (0, 0)
    clock.now += NS_PER_S // 5
    assert await pictures.next() == 4
    assert pictures.skipped == 3
    slept = clock.slept
    assert [await sounds.next() for _ in range(10)] == list(range(1, 11))
    assert clock.slept == slept, "what is overdue is sent at once"
    clock.now += NS_PER_S
    assert await sounds.next() == 60
    assert sounds.skipped == 49


async def test_a_clip_skips_to_a_keyframe_only() -> None:
    clock = HeldClock()
    beat = Beat(Timeline(None, clock.read, clock.sleep), 20, patience=20, align=20)
    assert await beat.next() == 0
    clock.now += NS_PER_S // 2
    assert await beat.next() == 1
    clock.now += 3 * NS_PER_S
    assert await beat.next() == 80
    assert (clock.now - 5 * NS_PER_S) == 4 * NS_PER_S, "it waits for the keyframe's instant"


async def test_streams_of_one_timeline_keep_step() -> None:
    clock = HeldClock()
    epoch = clock.now - 7 * NS_PER_S
    video, audio = (Beat(Timeline(epoch, clock.read, clock.sleep), rate) for rate in (20, 50))
    assert await video.next() / 20 == await audio.next() / 50 == 7.0

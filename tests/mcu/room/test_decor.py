"""What a picture shows besides people, from a command to the pixels: raised hands, banners."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mcu.clock import NS_PER_S
from mcu.errors import NotFound
from mcu.media.hub import EncoderHub
from mcu.protocol.commands import CreateView, GetBanner, Join, Joined, SetBanner, SetHand, Snapshot, TakeSnapshot
from mcu.protocol.decor import Banner
from mcu.protocol.events import BannerChanged, ParticipantUpdated
from mcu.protocol.models import ParticipantInfo, ViewSpec
from mcu.room.banner import BannerLines
from mcu.room.composite import Composite
from mcu.room.room import Room
from mcu.room.selection import Moment
from tests.kit.clock import FakeClock
from tests.mcu.room.meeting import VIEW, ask, connect, next_event, open_room, running_engine, until


async def picture(room: Room, view: str = "main") -> NDArray[np.int16]:
    """A view as BGR."""
    taken = await ask(room, TakeSnapshot(view=view, format="png"), Snapshot)
    decoded = cv2.imdecode(np.frombuffer(taken.data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, np.int16)


async def still(room: Room, view: str = "main") -> NDArray[np.int16]:
    """A picture of a view in which nobody is on the way to their place any more."""
    await until(lambda: room.views.get(view).composite.settled)
    return await picture(room, view)


async def shows(room: Room, before: NDArray[np.int16], *, changed: bool) -> NDArray[np.int16]:
    """Waits until the view differs from ``before``, or doesn't; the picture then."""
    async with asyncio.timeout(20):
        while True:
            now = await picture(room)
            if bool(np.any(np.abs(now - before) > 24)) == changed:
                return now


async def test_a_raised_hand_is_told_to_everybody_and_drawn_until_it_is_taken_down(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        joined = await ask(room, Join(name="Ada"), Joined)
        ada = joined.participant.id
        client = await connect(room, ada, video=False)
        await until(lambda: room.views.main.composite.tile_map.tiles)
        before, events = await still(room), room.events()
        assert (await ask(room, SetHand(participant=ada, raised=True), ParticipantInfo)).hand
        told = await next_event(events, "participant_updated")
        assert isinstance(told, ParticipantUpdated)
        assert (told.participant.id, told.participant.hand) == (ada, True)
        await shows(room, before, changed=True)
        assert not (await ask(room, SetHand(participant=ada, raised=False), ParticipantInfo)).hand
        await shows(room, before, changed=False)
        with pytest.raises(NotFound):
            await room.call(SetHand(participant="nobody", raised=True))
        await client.close()


END_NS = 1_000 * NS_PER_S


@pytest.mark.parametrize(
    ("left_ns", "line"),
    [
        (3600 * NS_PER_S, "1:00:00"),
        (3600 * NS_PER_S - NS_PER_S, "59:59"),
        (36_061 * NS_PER_S, "10:01:01"),
        (61 * NS_PER_S, "1:01"),
        (60 * NS_PER_S + 1, "1:01"),
        (1, "0:01"),
        (0, "0:00"),
        (-5 * NS_PER_S + 1, "0:00"),
        (-5 * NS_PER_S, None),
    ],
)
def test_a_countdown_says_what_is_left_in_whole_seconds_and_goes(left_ns: int, line: str | None) -> None:
    assert BannerLines(ends_ns=END_NS).countdown(END_NS - left_ns) == line
    assert BannerLines("Break").countdown(END_NS) is None


def test_a_countdown_is_drawn_once_a_second_and_a_banner_once() -> None:
    """Room time is far from the wall's: the countdown goes by the wall."""
    spec = ViewSpec(width=320, height=180, fps=10)
    composite = Composite(spec, 0, lambda _: None)
    hub = EncoderHub("test", "VP8", spec.width, spec.height, spec.fps, 100_000, FakeClock())
    composite.hubs = (hub,)
    wall_ahead_ns = 700 * NS_PER_S

    def drawn(seconds: int, start_s: int, lines: BannerLines) -> int:
        before = composite.statistics.composed
        for n in range(seconds * spec.fps):
            time_ns = start_s * NS_PER_S + n * NS_PER_S // spec.fps
            empty = Moment(time_ns, {}, (), {}, None, {}, {}, {"main": lines}, wall_ahead_ns)
            composite.tick(time_ns, empty)
        return composite.statistics.composed - before

    try:
        assert drawn(3, 100, BannerLines()) == 1
        assert drawn(3, 103, BannerLines("Break")) == 1
        assert drawn(4, 106, BannerLines("Break", (700 + 110) * NS_PER_S)) == 4
        assert drawn(5, 110, BannerLines("Break", (700 + 110) * NS_PER_S)) == 1
        assert drawn(5, 115, BannerLines("Break", (700 + 110) * NS_PER_S)) == 1
    finally:
        composite.close()


async def test_a_banner_is_drawn_on_its_view_until_it_is_taken_away(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        await ask(room, CreateView(spec=VIEW.model_copy(update={"name": "other"})), ViewSpec)
        before, events = await picture(room), room.events()
        ends = datetime.now(UTC) + timedelta(hours=1)
        banner = Banner(text="Back at six", countdown_to=ends)
        assert await ask(room, SetBanner(banner=banner), Banner) == banner
        changed = await next_event(events, "banner_changed")
        assert isinstance(changed, BannerChanged)
        assert (changed.view, changed.banner) == ("main", banner)
        await shows(room, before, changed=True)
        assert np.array_equal(await picture(room, "other"), before)
        assert await ask(room, GetBanner(), Banner) == banner
        await ask(room, SetBanner(banner=Banner()), Banner)
        await shows(room, before, changed=False)
        with pytest.raises(NotFound):
            await room.call(SetBanner(view="none", banner=banner))

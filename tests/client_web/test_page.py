"""The browser page in a real Chromium, against a room made of nothing (``fakeserver``)."""

import re

import pytest

from tests.client_web.composite import HUE, TONE_HZ
from tests.client_web.fakeserver import FakeServer, autojoin
from tests.client_web.nouns import ME, person
from tests.kit.browser import Chromium, RoomPage, launch_chromium
from tests.kit.testcard import hue_distance, hue_of, tone_level

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]

PHONE = (360, 640)


async def join_by_hand(page: RoomPage, name: str) -> None:
    await page.page.get_by_label("Your name").fill(name)
    await page.page.get_by_role("button", name="Join", exact=True).click()
    await page.wait_for_state("live")


async def test_lobby_previews_then_joins_and_leaves(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(f"{room.url}/?room=demo") as page:
        await page.wait_for("document.getElementById('preview').videoWidth > 0")
        await page.wait_for("document.getElementById('microphone-level').value > 0.3")
        assert await page.page.get_by_role("textbox", name="Room").input_value() == "demo"
        await join_by_hand(page, "Grace Hopper")
        assert (await room.wait_for("join"))["name"] == "Grace Hopper"
        await page.page.get_by_role("button", name="Leave").click()
        await room.wait_for("leave")
        await page.wait_for_state("lobby")
        assert "You left demo" in await page.page.inner_text("#lobby-notice")
        await page.page.reload()
        assert await page.page.get_by_label("Your name").input_value() == "Grace Hopper", "the name is remembered"
        assert page.complaints == []


async def test_shows_and_plays_what_the_room_sends(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await room.wait_for_media("main audio", "main video")
        await page.wait_for_frames(10)
        hue = hue_of(await page.frame())
        assert hue is not None
        assert hue_distance(hue, HUE) < 15
        samples, rate_hz = await page.sound(0.5)
        assert tone_level(samples, TONE_HZ, rate_hz) > 0.05
        assert tone_level(samples, 440, rate_hz) < 0.005, "one's own microphone must not come back"
        stats = await page.stats()
        assert stats["video"]["width"] == 640
        assert stats["sent"]["video"]["framesEncoded"] > 0
        assert await page.page.locator("#stage-note").is_hidden()
        assert page.complaints == []


async def test_toggles_tell_the_room(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await room.wait_for("media_state", audio=True, video=True, screen=False)
        await page.page.get_by_role("button", name="Mute your microphone").click()
        await room.wait_for("media_state", audio=False, video=True)
        await page.page.keyboard.press("v")
        await room.wait_for("media_state", audio=False, video=False)
        await page.page.get_by_role("button", name="Switch your camera on").click()
        await room.wait_for("media_state", audio=False, video=True)
        assert len([kind for kind, _ in room.asked if kind == "offer"]) == 1, "toggling needs no new connection"
        assert page.complaints == []


async def test_screen_share_has_its_own_connection(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.page.get_by_role("button", name="Share your screen").click()
        await room.wait_for("media_state", screen=True)
        await room.wait_for_media("screen video", "main video")
        await page.page.get_by_role("button", name="Stop sharing").click()
        await room.wait_for("media_state", at_least=2, screen=False)
        assert page.complaints == []


async def test_roster_follows_the_room_and_names_stay_text(room: FakeServer, chromium: Chromium) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">"
    room.others = [person("p-ada", "Ada")]
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        rows = page.page.locator("#roster li")
        await room.say("participant_joined", {"participant": person("p-evil", evil)})
        await page.wait_for("document.querySelectorAll('#roster li').length === 3")
        assert evil in await page.page.locator("#roster").inner_text()
        assert evil in await page.page.locator("#announcements").inner_text(), "joins are read aloud"
        assert await page.page.locator("#roster img").count() == 0
        ada = page.page.locator("li[data-participant=p-ada]")
        assert await ada.get_by_label("muted", exact=True).is_hidden()
        await room.say("speakers", {"active": [{"id": "p-ada", "level": 0.5}], "dominant": "p-ada"})
        await page.wait_for("document.querySelector('li[data-participant=p-ada]').classList.contains('speaking')")
        await room.say("participant_updated", {"participant": person("p-ada", "Ada", audio=False)})
        await page.page.wait_for_selector("li[data-participant=p-ada] [aria-label=muted]", state="visible")
        await room.say("participant_left", {"id": "p-evil", "reason": "left"})
        await page.wait_for("document.querySelectorAll('#roster li').length === 2")
        assert await rows.first.get_attribute("data-participant") == ME, "one's own name comes first"
        assert page.complaints == []


async def test_layout_and_recording_are_asked_for_and_shown(room: FakeServer, chromium: Chromium) -> None:
    recording = {"id": "r1", "state": "active", "file": "r1.mp4", "duration_s": 61.0}
    room.layouts["main"] = {"preset": "spotlight", "gap": 4}
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.page.wait_for_selector("[data-preset=spotlight][aria-checked=true]", state="attached")
        await room.change_layout("main", {"preset": "speaker", "gap": 12})
        await page.page.wait_for_selector("[data-preset=speaker][aria-checked=true]", state="attached")
        await page.page.get_by_role("button", name="Layout").click()
        await page.page.keyboard.press("ArrowDown")
        await page.page.keyboard.press("Enter")
        asked = await room.wait_for("layout")
        assert asked["layout"] == {"preset": "sidebar", "gap": 12}, "a preset resets nothing else"
        await page.page.get_by_role("button", name="Record").click()
        await room.wait_for("record", action="start")
        await room.say("recording", recording)
        await page.wait_for("document.getElementById('recording-time').textContent.startsWith('1:0')")
        await a_pause_is_asked_for_and_shown(room, page, recording)
        await page.page.get_by_role("button", name="Stop recording").click()
        await room.wait_for("record", action="stop")
        await room.say("recording", {**recording, "state": "finished"})
        await page.page.get_by_role("link", name="Download").wait_for()
        assert await page.page.locator("#recording").is_hidden()
        assert page.complaints == []


async def a_pause_is_asked_for_and_shown(room: FakeServer, page: RoomPage, recording: dict[str, object]) -> None:
    badge = page.page.locator("#recording")
    await page.page.get_by_role("button", name="Pause the recording").click()
    await room.wait_for("record", action="pause")
    await room.say("recording", {**recording, "state": "paused", "duration_s": 75.0})
    await badge.get_by_text("Recording paused").wait_for()
    stood = await page.page.evaluate("getComputedStyle(document.querySelector('#recording i')).animationName")
    assert (stood, await page.page.locator("#recording-time").inner_text()) == ("none", "1:15")
    await page.page.get_by_role("button", name="Go on recording").click()
    await room.wait_for("record", action="resume")
    await room.say("recording", {**recording, "duration_s": 75.0})
    await badge.get_by_text("Recording", exact=True).wait_for()
    assert "Recording goes on" in await page.page.locator("#announcements").inner_text()


async def test_a_failed_recording_is_told_once(room: FakeServer, chromium: Chromium) -> None:
    recording = {"id": "r1", "state": "active", "file": "r1.mp4", "duration_s": 1.0}
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await room.say("recording", recording)
        await room.say("recording", {**recording, "state": "failed", "error": "the disk is full"})
        await page.page.locator(".toast.error", has_text="Recording failed: the disk is full").wait_for()
        await room.say("participant_joined", {"participant": person("p-ada", "Ada")})
        await page.page.locator(".toast:not(.error)", has_text="Ada joined").wait_for(timeout=5_000)
        assert page.complaints == []


async def test_refusals_and_kicks_say_what_to_do(room: FakeServer, chromium: Chromium) -> None:
    room.refuse_join = {"code": "room_full", "message": "room is full"}
    async with chromium.open(f"{room.url}/?room=demo&name=Kim") as page:
        await page.page.get_by_role("button", name="Join", exact=True).click()
        await page.page.get_by_text("The room is full. Try again when somebody has left.").wait_for()
        room.refuse_join = None
        await page.page.get_by_role("button", name="Join", exact=True).click()
        await page.wait_for_state("live")
        await room.say("kicked", {"reason": "too loud"})
        await page.page.get_by_text("You were removed: too loud").wait_for()
        await page.wait_for_state("lobby")
        assert page.complaints == []


async def test_fits_a_phone_held_upright(room: FakeServer, chromium: Chromium) -> None:
    room.others = [person(f"p{i}", f"Guest number {i} with quite a long name") for i in range(12)]
    async with chromium.open(f"{room.url}/?room=demo&name=Kim", viewport=PHONE) as page:
        assert await overflow(page) == []
        await page.page.get_by_role("button", name="Join", exact=True).click()
        await page.wait_for_state("live")
        assert await overflow(page) == []
        buttons = page.page.locator(".controls .control:visible")
        for i in range(await buttons.count()):
            box = await buttons.nth(i).bounding_box()
            assert box is not None
            assert box["width"] >= 44
            assert box["height"] >= 44, "a thumb needs 44 px"
        await page.page.set_viewport_size({"width": 740, "height": 360})
        assert await overflow(page) == []
        stage = await page.page.locator("#stage").bounding_box()
        assert stage is not None
        assert stage["height"] > 340, "on its side the picture has all the height there is"
        assert page.complaints == []


async def test_joins_without_camera_and_needs_a_click_for_sound(room: FakeServer) -> None:
    """Permissions denied, and a browser that plays no sound before a click: watching works, hearing after the click."""
    async with (
        launch_chromium(allow_devices=False, allow_autoplay=False) as strict,
        strict.open(autojoin(room)) as page,
    ):
        await room.wait_for_media(
            "main connected"
        )  # until here nothing is evaluated in the page: that counts as a click
        assert (await room.wait_for("media_state")).items() >= {"audio": False, "video": False}.items()
        await page.wait_for_frames(3)
        muted = "document.getElementById('composite').muted"
        assert await page.page.evaluate(muted)
        await page.page.get_by_role("button", name="Click to hear").click()
        await page.wait_for(f"!{muted}")
        await page.page.get_by_role("button", name="Unmute your microphone").click()
        await page.page.locator(".toast.error p", has_text=re.compile("^Microphone: ")).wait_for()
        assert page.complaints == []


async def overflow(page: RoomPage) -> list[str]:
    """The visible buttons and fields that stick out of the window. The roster scrolls, so it may."""
    stick_out: list[str] = await page.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, h1, video")]
          .filter((e) => e.checkVisibility() && !e.closest("#roster"))
          .map((e) => [e, e.getBoundingClientRect()])
          .filter(([_, box]) => box.left < 0 || box.right > innerWidth || box.bottom > innerHeight)
          .map(([e, _]) => e.id || e.outerHTML)"""
    )
    return stick_out


async def test_the_page_sends_what_the_server_asks_for(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await room.wait_for_media("main video")
        await room.say("uplink", {"video": {"width": 160, "height": 90, "fps": 10, "kbps": 80}, "screen": None})
        sent = "(await window.mcu.stats()).sent.video"
        await wait_for_stats(page, f"{sent}.width === 160 && {sent}.height === 90 && {sent}.framesPerSecond <= 12")
        await room.say("uplink", {"video": None, "screen": None})
        await wait_for_stats(page, "await rests(() => window.mcu.stats().then(({ sent }) => sent.video.framesEncoded))")
        await room.say("uplink", {"video": {"width": 640, "height": 360, "fps": 30, "kbps": 600}, "screen": None})
        await wait_for_stats(page, f"{sent}.width === 320 && {sent}.framesPerSecond > 12")
        assert page.complaints == []


async def test_the_picture_can_be_bounded_and_the_page_says_why_it_is_small(
    room: FakeServer, chromium: Chromium
) -> None:
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        badge = page.page.locator("#quality-note")
        assert not await badge.is_visible()
        await room.say("quality", {"tier": "low", "reason": "bandwidth", "choice": "auto"})
        await page.wait_for("!document.getElementById('quality-note').hidden")
        assert "your line is too slow" in (await badge.text_content() or "")
        await page.page.get_by_role("button", name="settings").click()
        menu = page.page.get_by_label("Picture I receive")
        assert await menu.input_value() == "auto"
        await menu.select_option("audio")
        await room.wait_for("view", tier="audio")
        await page.wait_for("document.getElementById('quality-note').textContent === 'Sound only'")
        await menu.select_option("medium")
        await page.wait_for("document.getElementById('quality-note').hidden")
        assert await menu.input_value() == "medium"
        assert page.complaints == []


async def wait_for_stats(page: RoomPage, expression: str) -> None:
    """Waits until the expression is true, within which ``await`` may be used, and ``rests``: a figure stood still."""
    await page.page.wait_for_function(
        "async () => { const rests = async (figure) => { const before = await figure();"
        " await new Promise((resolve) => setTimeout(resolve, 500)); return (await figure()) === before; };"
        f" return {expression}; }}",
        timeout=20_000,
        polling=200,
    )

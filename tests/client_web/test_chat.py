"""The chat's panel in a real Chromium, against a room made of nothing."""

import pytest

from tests.client_web.fakeserver import FakeServer, autojoin
from tests.client_web.nouns import ME, message, person
from tests.kit.browser import Chromium, RoomPage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]

PHONE = (360, 640)
EVIL = "<img src=x onerror=\"document.title='owned'\"><b>hi</b>"


def text_of(identifier: str) -> str:
    return f"#chat-log [data-message='{identifier}']"


async def open_chat(page: RoomPage) -> None:
    await page.wait_for_state("live")
    await page.page.get_by_role("tab", name="Chat").click()


async def test_words_to_all_are_said_changed_and_taken_back(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await open_chat(page)
        field = page.page.get_by_label("Message to everybody")
        await field.fill("first line")
        await field.press("Shift+Enter")
        await field.press_sequentially("second")
        await field.press("Enter")
        assert await room.wait_for("chat") == {"text": "first line\nsecond"}
        mine = page.page.locator(text_of("mine-1"))
        await mine.get_by_text("second").wait_for()
        await page.wait_for("document.getElementById('chat-text').value === ''")
        await page.page.get_by_role("button", name="Change your message").click()
        changed = page.page.get_by_label("The changed message")
        assert await changed.input_value() == "first line\nsecond"
        await changed.fill("better")
        await changed.press("Enter")
        assert (await room.wait_for("chat_edit"))["text"] == "better"
        await mine.get_by_text("better", exact=True).wait_for()
        await mine.get_by_text("edited", exact=True).wait_for()
        await page.page.get_by_role("button", name="Delete your message").click()
        assert (await room.wait_for("chat_delete"))["message_id"].startswith("mine-")
        await mine.wait_for(state="detached")
        assert page.complaints == []


async def test_private_words_go_to_those_named_and_look_so(room: FakeServer, chromium: Chromium) -> None:
    room.others = [person("p-ada", "Ada"), person("p-bo", "Bo")]
    async with chromium.open(autojoin(room)) as page:
        await open_chat(page)
        await page.page.get_by_label("To whom").select_option(label="Ada")
        await page.page.get_by_label("To whom").select_option(label="Bo")
        await page.page.get_by_label("Privately to Ada, Bo").fill("between us")
        await page.page.keyboard.press("Enter")
        assert await room.wait_for("chat") == {"text": "between us", "to": ["p-ada", "p-bo"]}
        mine = page.page.locator(f"#chat-log li.private{text_of('mine-1').removeprefix('#chat-log ')}")
        await mine.get_by_text("Private, to Ada, Bo").wait_for()
        await room.say("participant_left", {"id": "p-bo", "reason": "left"})
        await page.page.get_by_role("button", name="Don't send it to Ada").click()
        await page.page.get_by_label("Privately to Bo").wait_for()  # they left, but nothing goes to all instead
        await room.say("chat", {"message": message("m1", "p-ada", "psst", to=[ME])})
        await page.page.locator(text_of("m1")).get_by_text("Private, for you").wait_for()
        assert await page.page.get_by_role("button", name="Delete the message of Ada").count() == 0
        await page.page.get_by_role("button", name="Answer Ada privately").click()
        await page.page.get_by_label("Privately to Ada", exact=True).wait_for()
        assert page.complaints == []


async def test_words_and_names_are_only_ever_text(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await open_chat(page)
        await room.say("participant_joined", {"participant": person("p-evil", EVIL)})
        await room.say("chat", {"message": message("m1", "p-evil", EVIL, name=EVIL)})
        await room.say("chat", {"message": message("m2", "p-evil", EVIL, name=EVIL, to=[ME])})
        await page.page.locator(text_of("m2")).wait_for()
        await page.page.get_by_label("To whom").select_option("p-evil")
        assert (await page.page.locator(text_of("m1")).inner_text()).count(EVIL) == 2
        assert await page.page.locator("#side img, #side b, #toasts img, #announcements img").count() == 0
        assert "mosaic" in await page.page.title()
        assert page.complaints == []


async def test_what_was_not_seen_is_counted(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await room.say("chat_history", {"messages": [message("m1", "p-ada", "before you came")]})
        await room.say("chat", {"message": message("m2", None, "The server stops at six.")})
        chat = page.page.get_by_role("button", name="Chat: 2 unread")
        await chat.wait_for()
        assert "Server: The server stops at six." in await page.page.locator("#announcements").inner_text()
        await chat.click()
        await page.page.locator("#chat-log li.server").get_by_text("The server stops at six.").wait_for()
        await page.page.get_by_text("before you came").wait_for()
        await page.page.get_by_role("button", name="Chat", exact=True).wait_for()
        await room.say("chat", {"message": message("m3", "p-ada", "seen at once")})
        await page.page.locator(text_of("m3")).wait_for()
        assert await page.page.locator("[data-unread]:visible").count() == 0
        await page.page.get_by_role("tab", name="Chat").press("ArrowLeft")
        assert await page.page.get_by_role("tab", name="People").get_attribute("aria-selected") == "true"
        await room.say("chat_edited", {"message": message("m3", "p-ada", "changed", edited_at=None), "by": "p-ada"})
        await room.say("chat_deleted", {"message_id": "m1", "by": "p-ada"})
        await page.page.locator(text_of("m1")).wait_for(state="detached")
        assert await page.page.locator("[data-unread]:visible").count() == 0, "nothing new was said"
        assert page.complaints == []


async def test_after_a_lost_socket_the_chat_is_whole(room: FakeServer, chromium: Chromium) -> None:
    room.others = [person("p-ada", "Ada")]
    async with chromium.open(autojoin(room)) as page:
        await open_chat(page)
        await room.say("chat", {"message": message("m1", "p-ada", "public")})
        await room.say("chat", {"message": message("m2", "p-ada", "private", to=[ME])})
        await page.page.locator(text_of("m2")).wait_for()
        await page.page.get_by_label("Message to everybody").fill("half a thou")
        await room.cut()
        await room.wait_for("join", at_least=2)
        missed = [message("m3", "p-ada", "meanwhile"), message("m4", "p-ada", "only you", to=[ME])]
        await room.say("chat_history", {"messages": missed})
        await page.page.locator(text_of("m4")).wait_for()
        shown = [await row.get_attribute("data-message") for row in await page.page.locator("#chat-log li").all()]
        assert sorted(filter(None, shown)) == ["m2", "m3", "m4"], "m1 was deleted meanwhile; private ones stay"
        assert await page.page.get_by_label("Message to everybody").input_value() == "half a thou"


async def test_moderators_delete_what_was_said_to_all(room: FakeServer, chromium: Chromium) -> None:
    room.role, room.others = "moderator", [person("p-ada", "Ada")]
    async with chromium.open(autojoin(room)) as page:
        await open_chat(page)
        await room.say("chat", {"message": message("m1", "p-ada", "rude")})
        await page.page.get_by_role("button", name="Delete the message of Ada").click()
        assert await room.wait_for("chat_delete") == {"message_id": "m1"}
        assert page.complaints == []


async def test_chat_fits_a_phone(room: FakeServer, chromium: Chromium) -> None:
    room.others = [person("p-ada", "Ada with quite a long name that goes on")]
    async with chromium.open(autojoin(room), viewport=PHONE) as page:
        await open_chat(page)
        for number in range(20):
            await room.say("chat", {"message": message(f"m{number}", "p-ada", "word " * 20 + "l" * 60)})
        await page.page.locator(text_of("m19")).wait_for()
        sent = page.page.get_by_role("button", name="Send")
        box = await sent.bounding_box()
        log = await page.page.locator("#chat-log").bounding_box()
        assert box is not None
        assert log is not None
        assert (box["width"], box["height"]) == (44, 44)
        assert box["x"] + box["width"] <= PHONE[0]
        assert log["height"] > 60, "messages have room"
        assert await page.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        ends = "(({ scrollTop, scrollHeight, clientHeight }) => scrollHeight - scrollTop - clientHeight < 2)"
        await page.wait_for(f"{ends}(document.getElementById('chat-log'))")
        await page.page.set_viewport_size({"width": 740, "height": 360})
        assert not await sent.is_visible(), "on its side the picture has all there is"
        await room.say("chat", {"message": message("n1", "p-ada", "psst")})
        await page.wait_for("document.querySelector('#chat [data-unread]').textContent === '1'")
        await page.page.get_by_role("button", name="More", exact=True).click()
        await page.page.get_by_role("button", name="Chat, people").click()
        await sent.wait_for()
        box = await sent.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 360
        await page.wait_for("document.querySelector('#chat [data-unread]').hidden")
        assert page.complaints == []


async def test_signs_are_sent_and_seen(room: FakeServer, chromium: Chromium) -> None:
    evil = "<img src=x>"
    room.others = [person("p-ada", evil)]
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.page.get_by_role("button", name="React").click()
        await page.page.get_by_role("button", name="Applause").click()
        assert await room.wait_for("reaction") == {"reaction": "👏"}
        await page.page.locator(".reaction", has_text="You").wait_for()
        await room.say("reaction", {"sender": "p-ada", "reaction": evil})
        await page.page.locator(".reaction", has_text=evil).wait_for()
        assert await page.page.locator(".reaction img").count() == 0
        await page.wait_for("document.querySelectorAll('.reaction').length === 0")
        for _ in range(30):
            await room.say("reaction", {"sender": "p-ada", "reaction": "❤️"})
        await room.say("participant_joined", {"participant": person("p-bo", "Bo")})
        await page.page.locator("li[data-participant=p-bo]").wait_for()
        assert await page.page.locator(".reaction").count() <= 20, "a flood covers nobody"
        assert page.complaints == []

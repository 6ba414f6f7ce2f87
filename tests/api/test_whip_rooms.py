"""WHIP and WHEP before the doors of real rooms: lock, password, lobby, capacity, kicks, views of groups."""

import asyncio
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from api.direction import one_way
from api.signaling.trickle import parse_fragment
from mcu.errors import McuError
from tests.api.conftest import BOUND_S
from tests.api.people import ADMIN_KEY, ROOM, Meeting, pass_for
from tests.api.problems import problem
from tests.mcu.rtc.offers import CHROMIUM

SDP = {"Content-Type": "application/sdp"}
SENDS = CHROMIUM.replace("a=sendrecv", "a=sendonly")
RECEIVES = CHROMIUM.replace("a=sendrecv", "a=recvonly")


async def ask(met: Meeting, path: str, token: str | None) -> httpx.Response:
    caller = await met.caller(token)
    return await caller.post(path, content=SENDS if path.startswith("/whip") else RECEIVES, headers=SDP)


async def started(met: Meeting, path: str, token: str | None) -> httpx.Response:
    answer = await ask(met, path, token)
    assert answer.status_code == 201, answer.text
    return answer


async def people(met: Meeting) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await met.admin.get(f"{ROOM}/participants")).json()["participants"]
    return found


async def test_answers_go_one_way(meeting: Meeting) -> None:
    """RFC 9725, section 4.2, whatever the offer says."""
    whip = await started(meeting, "/whip/team", pass_for("ada"))
    whep = await started(meeting, "/whep/team", pass_for("bo"))
    for answer, wanted in ((whip, "recvonly"), (whep, "sendonly")):
        directions = {line[2:] for line in answer.text.splitlines() if line[2:] in ("sendrecv", "sendonly", "recvonly")}
        assert directions == {wanted}
        assert "a=candidate:" in answer.text
        assert "a=end-of-candidates" in answer.text


async def test_locks_and_passwords_hold(meeting: Meeting) -> None:
    await meeting.set_room(locked=True)
    problem(await ask(meeting, "/whip/team", pass_for("ada")), 423, "room_locked")
    problem(await ask(meeting, "/whep/team", pass_for("ada")), 403, "forbidden")
    await meeting.set_room(locked=False, password="hush")
    problem(await ask(meeting, "/whip/team", pass_for("ada")), 403, "password_required", "password")
    problem(await ask(meeting, "/whep/team", pass_for("ada")), 403, "forbidden")
    await started(meeting, "/whip/team", ADMIN_KEY)
    await started(meeting, "/whep/team", pass_for("eve", role="moderator"))


async def test_nobody_waits_in_a_lobby_by_http(meeting: Meeting) -> None:
    await meeting.set_room(lobby=True)
    moderator = await meeting.enter("mo", role="moderator")
    problem(await ask(meeting, "/whip/team", pass_for("ada")), 403, "lobby")
    assert (await meeting.admin.get(f"{ROOM}/lobby")).json()["waiting"] == []
    await moderator.ask("leave")


async def test_viewers_take_no_place_and_publishers_do(meeting: Meeting) -> None:
    await meeting.set_room(capacity=1)
    await started(meeting, "/whip/team", pass_for("ada"))
    problem(await ask(meeting, "/whip/team", pass_for("bo")), 409, "room_full")
    for who in ("bo", "ada", "cem"):
        await started(meeting, "/whep/team", pass_for(who))
    assert [one["id"] for one in await people(meeting)] == ["ada"]
    assert (await meeting.admin.get(ROOM)).json()["participants"] == 1


async def test_who_is_kicked_stops_watching(meeting: Meeting) -> None:
    await started(meeting, "/whip/team", pass_for("host"))
    token = pass_for("ada")
    await started(meeting, "/whip/team", token)
    address = (await started(meeting, "/whep/team", token)).headers["location"]
    assert (await meeting.admin.delete(f"{ROOM}/participants/ada?ban_s=60")).status_code == 204
    async with asyncio.timeout(BOUND_S):
        while (await meeting.admin.delete(address)).status_code != 404:  # noqa: ASYNC110 - asks over HTTP
            await asyncio.sleep(0)
    problem(await ask(meeting, "/whip/team", token), 403, "banned")
    problem(await ask(meeting, "/whep/team", token), 403, "banned")


async def test_the_view_of_a_group_is_its_members_and_the_moderators(meeting: Meeting) -> None:
    await started(meeting, "/whip/team", pass_for("wolf", group="wolves"))
    made = await meeting.admin.post(f"{ROOM}/views", json={"name": "den", "group": "wolves", "width": 64, "height": 64})
    assert made.status_code == 201, made.text
    problem(await ask(meeting, "/whep/team?view=den", pass_for("sheep")), 403, "forbidden")
    await started(meeting, "/whep/team?view=den", pass_for("fang", group="wolves"))
    await started(meeting, "/whep/team?view=den", ADMIN_KEY)
    problem(await ask(meeting, "/whep/team?view=none", ADMIN_KEY), 404, "no_such_view")


async def test_offers_without_a_common_codec(meeting: Meeting) -> None:
    caller = await meeting.caller(pass_for("ada"))
    strange = SENDS.replace("opus/48000", "speex/48000")
    refused = await caller.post("/whip/team", content=strange, headers=SDP)
    problem(refused, 406, "no_common_codec", "sdp")
    assert await people(meeting) == []


LINES = st.sampled_from(
    (
        *("v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 96", "m=video 0 X 1", "m=", "m=application 9 DTLS/SCTP 5000"),
        *(
            "a=sendrecv",
            "a=sendonly",
            "a=recvonly",
            "a=inactive ",
            "a=sendrecv:1",
            "a=mid:0",
            "a=mid:",
            "a=ice-ufrag:x",
        ),
        *("a=ice-pwd:y", "a=candidate:1 1 udp 1 192.0.2.1 9 typ host", "a=candidate:", "a=end-of-candidates", "\0", ""),
    )
)
TEXTS = st.lists(st.one_of(LINES, st.text(max_size=20)), max_size=30).flatmap(
    lambda lines: st.sampled_from(("\r\n", "\n", "\r")).map(lambda end: end.join(lines) + end)
)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_any_text_is_read_or_refused(text: str) -> None:
    for way in ("sendonly", "recvonly"):
        try:
            turned, kinds = one_way(text, way)
        except McuError:
            continue
        assert kinds <= {"audio", "video"}
        assert one_way(turned, way) == (turned, kinds)
    try:
        fragment = parse_fragment(text)
    except McuError:
        return
    assert fragment.candidates or fragment.credentials.ufrag or fragment.credentials.pwd


async def test_one_person_alone(meeting: Meeting) -> None:
    await started(meeting, "/whip/team", pass_for("wolf", group="wolves"))
    await started(meeting, "/whip/team", pass_for("ada"))
    answer = await started(meeting, "/whep/team/ada", pass_for("bo"))
    assert "a=sendonly" in answer.text
    address = answer.headers["location"]
    assert address.startswith("/whep/team/streams/")
    problem(await ask(meeting, "/whep/team/nobody", pass_for("bo")), 404, "no_such_participant")
    problem(await ask(meeting, "/whep/team/wolf", pass_for("bo")), 403, "forbidden")
    await started(meeting, "/whep/team/wolf", ADMIN_KEY)
    assert {one["id"] for one in await people(meeting)} == {"wolf", "ada"}
    assert (await meeting.admin.delete(f"{ROOM}/participants/ada")).status_code == 204
    async with asyncio.timeout(10):
        while (await meeting.admin.patch(address)).status_code != 404:  # noqa: ASYNC110 - the room's news end it
            await asyncio.sleep(0.05)

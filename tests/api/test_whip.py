"""WHIP and WHEP as HTTP: statuses, headers and the life of a stream. Media is in ``tests/system/test_doors.py``."""

import asyncio
from typing import Any

import httpx
import pytest

from mcu.protocol.commands import AddCandidate, Join, Leave, Offer, SetMediaState
from mcu.protocol.events import Kicked, PeerFailed
from mcu.protocol.quality import SetQuality
from tests.api.conftest import BOUND_S, MakeClient
from tests.api.offers import CANDIDATE, FRAGMENT, SDP, fragment, offer
from tests.api.people import ADMIN_KEY, KEY, pass_for
from tests.api.problems import problem
from tests.kit.engine import FakeEngine, FakeRoom


async def post(client: httpx.AsyncClient, path: str = "/whip/team", body: str | None = None, **headers: str) -> Any:
    wanted = offer("sendonly" if path.startswith("/whip") else "recvonly") if body is None else body
    return await client.post(path, content=wanted, headers=SDP | headers)


async def started(client: httpx.AsyncClient, path: str = "/whip/team", **headers: str) -> httpx.Response:
    answer: httpx.Response = await post(client, path, **headers)
    assert answer.status_code == 201, answer.text
    return answer


async def gone(client: httpx.AsyncClient, address: str) -> None:
    """Waits until there is no such stream any more."""
    async with asyncio.timeout(BOUND_S):
        while (await client.patch(address, content=fragment(CANDIDATE), headers=FRAGMENT)).status_code != 404:  # noqa: ASYNC110 - asks over HTTP
            await asyncio.sleep(0)


def asked(room: FakeRoom, kind: type[Any]) -> list[Any]:
    return [command for command in room.calls if isinstance(command, kind)]


async def test_a_publisher_is_a_participant_until_the_stream_is_deleted(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    answer = await started(client, "/whip/team?name=Ada")
    assert answer.headers["content-type"].startswith("application/sdp")
    assert answer.text.startswith("v=0")
    assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    assert answer.headers["etag"].startswith('"')
    room = engine.open_rooms["team"]
    assert [(one.name, one.hidden) for one in room.people.values()] == [("Ada", False)]

    address = answer.headers["location"]
    assert (await client.delete(address)).status_code == 200
    assert not room.people
    problem(await client.delete(address), 404, "no_such_stream")
    assert not [reader for reader in room.readers if reader.participant]


async def test_only_one_way_is_asked_of_the_room(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    """RFC 9725, section 4.2: an offer may say sendrecv, the answer never does."""
    await post(client, body=offer("sendrecv"))
    await post(client, "/whep/team", body=offer("sendrecv"))
    whip, whep = (one.sdp for one in asked(engine.open_rooms["team"], Offer))
    assert (whip.count("a=sendonly"), whip.count("a=sendrecv")) == (2, 0)
    assert (whep.count("a=recvonly"), whep.count("a=sendrecv")) == (2, 0)


async def test_what_is_not_sent_is_said_to_the_room(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    await post(client, body=offer(kinds=("audio",)))
    (said,) = asked(engine.open_rooms["team"], SetMediaState)
    assert (said.audio, said.video) == (True, False)


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "code", "field"),
    [
        ("/whip/team", offer(), "text/plain", 415, "unsupported_media_type", None),
        ("/whip/team", "hello", "application/sdp", 400, "bad_sdp", "sdp"),
        ("/whip/team", "", "application/sdp", 400, "bad_request", None),
        ("/whip/team", b"v=0\xff", "application/sdp", 400, "bad_sdp", None),
        ("/whip/team", offer("recvonly"), "application/sdp", 400, "bad_sdp", "sdp"),
        ("/whip/team", offer("inactive"), "application/sdp", 400, "bad_sdp", "sdp"),
        ("/whep/team", offer("sendonly"), "application/sdp", 400, "bad_sdp", "sdp"),
        ("/whip/team", offer(kinds=("video", "video")), "application/sdp", 406, "not_acceptable", "sdp"),
        ("/whip/team", offer()[3:], "application/sdp", 400, "bad_sdp", "sdp"),
        ("/whip/team", offer() + "a=x\r\n" * 20_000, "application/sdp", 413, "too_large", None),
        ("/whip/team?name=", offer(), "application/sdp", 422, "invalid", "name"),
        ("/whep/team?view=A/B", offer("recvonly"), "application/sdp", 422, "invalid", "view"),
    ],
)
async def test_what_cannot_be_used_leaves_nobody_behind(
    client: httpx.AsyncClient,
    engine: FakeEngine,
    path: str,
    body: str | bytes,
    kind: str,
    status: int,
    code: str,
    field: str | None,
) -> None:
    await started(client)
    answer = await client.post(path, content=body, headers={"Content-Type": kind})
    problem(answer, status, code, field)
    assert len(engine.open_rooms["team"].people) == 1


@pytest.mark.parametrize("door", ["whip", "whep"])
async def test_other_methods_are_kept_for_later(client: httpx.AsyncClient, door: str) -> None:
    for method in ("GET", "HEAD", "PUT"):
        for path in (f"/{door}/team", f"/{door}/team/streams/x"):
            assert (await client.request(method, path)).status_code == 405
    assert (await client.post(f"/{door}/team/streams/x", content=offer(), headers=SDP)).status_code == 405


async def test_options_say_what_can_be_asked(make_client: MakeClient) -> None:
    client = await make_client(ice_servers=[{"urls": ["stun:stun.example.org"]}])
    endpoint = await client.options("/whip/team")
    assert endpoint.status_code == 200
    assert endpoint.headers["accept-post"] == "application/sdp"
    assert "PATCH" in endpoint.headers["access-control-allow-methods"]
    assert endpoint.headers["link"] == '<stun:stun.example.org>; rel="ice-server"'
    stream = await client.options("/whep/team/streams/x")
    assert stream.headers["accept-patch"] == "application/trickle-ice-sdpfrag"


async def test_each_ice_server_has_its_link(make_client: MakeClient) -> None:
    turn = {"urls": ["turn:a.example.org", "turns:a.example.org:443"], "secret": "of coturn", "ttl_s": 600}
    client = await make_client(ice_servers=[{"urls": ["stun:b.example.org"]}, turn])
    links = (await started(client)).headers.get_list("link")
    assert [link.partition(";")[0] for link in links] == [
        "<stun:b.example.org>",
        "<turn:a.example.org>",
        "<turns:a.example.org:443>",
    ]
    assert "username" not in links[0]
    for link in links[1:]:
        assert 'rel="ice-server"; username="' in link
        assert link.endswith('"; credential-type="password"')


async def test_a_page_of_another_origin_reads_the_headers(make_client: MakeClient) -> None:
    client = await make_client(cors_origins=("https://app.example.org",))
    origin = {"Origin": "https://app.example.org"}
    wish = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match,content-type"}
    preflight = await client.options("/whip/team/streams/x", headers=origin | wish)
    assert preflight.status_code == 200
    answer = await started(client, **origin)
    exposed = {one.strip() for one in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed >= {"Location", "ETag", "Link", "Accept-Patch", "Retry-After"}
    stranger = await post(client, Origin="https://evil.example.org")
    problem(stranger, 403, "forbidden_origin")


async def test_candidates_reach_the_connection(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    answer = await started(client)
    address, etag = answer.headers["location"], answer.headers["etag"]
    body = fragment(CANDIDATE, "end-of-candidates")
    for if_match in (etag, etag.strip('"'), "*", f'"other", {etag}', None):
        headers = FRAGMENT | ({"If-Match": if_match} if if_match else {})
        assert (await client.patch(address, content=body, headers=headers)).status_code == 204
    sent = asked(engine.open_rooms["team"], AddCandidate)
    assert [(one.candidate, one.sdp_mid) for one in sent[:2]] == [(CANDIDATE, "0"), (None, None)]
    assert len(sent) == 10


async def test_a_restart_of_ice_is_refused_and_the_stream_goes_on(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    answer = await started(client)
    address, etag = answer.headers["location"], answer.headers["etag"]
    restart = fragment(CANDIDATE, ice="a=ice-ufrag:new1\r\na=ice-pwd:another22characterslong00\r\n")
    refused = await client.patch(address, content=restart, headers=FRAGMENT | {"If-Match": "*"})
    problem(refused, 422, "ice_restart_unsupported")
    stale = await client.patch(address, content=fragment(CANDIDATE), headers=FRAGMENT | {"If-Match": '"other"'})
    problem(stale, 412, "ice_changed")
    assert not asked(engine.open_rooms["team"], AddCandidate)
    good = await client.patch(address, content=fragment(CANDIDATE), headers=FRAGMENT | {"If-Match": etag})
    assert good.status_code == 204
    assert len(engine.open_rooms["team"].people) == 1


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (fragment(CANDIDATE), "application/json", 415, "unsupported_media_type"),
        ("hello", "application/trickle-ice-sdpfrag", 400, "bad_sdpfrag"),
        (fragment(*[CANDIDATE] * 65), "application/trickle-ice-sdpfrag", 400, "bad_candidate"),
        (fragment("candidate:" + "x" * 2000), "application/trickle-ice-sdpfrag", 400, "bad_candidate"),
        (fragment(CANDIDATE) + "a=x\r\n" * 5000, "application/trickle-ice-sdpfrag", 413, "too_large"),
    ],
)
async def test_fragments_that_cannot_be_used(
    client: httpx.AsyncClient, body: str, kind: str, status: int, code: str
) -> None:
    address = (await started(client)).headers["location"]
    problem(await client.patch(address, content=body, headers={"Content-Type": kind}), status, code)


async def test_a_viewer_is_seen_by_nobody(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    await started(client)
    address = (await started(client, "/whep/team")).headers["location"]
    room = engine.open_rooms["team"]
    assert [one.hidden for one in room.people.values()] == [False, True]
    other = "/whip/" + address.removeprefix("/whep/")
    problem(await client.delete(other), 404, "no_such_stream")
    assert (await client.delete(address)).status_code == 200
    assert [one.hidden for one in room.people.values()] == [False]


async def test_a_viewer_may_bound_the_tier(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    await started(client)
    await started(client, "/whep/team?tier=low")
    await started(client, "/whep/team")
    assert [one.choice for one in asked(engine.open_rooms["team"], SetQuality)] == ["low"]
    problem(await post(client, "/whep/team?tier=none"), 422, "invalid", "tier")


async def test_nothing_to_watch_yet(make_client: MakeClient, engine: FakeEngine) -> None:
    client = await make_client(permanent_rooms=("empty",))
    for path in ("/whep/nowhere", "/whep/empty"):
        answer = await post(client, path)
        problem(answer, 409, "nothing_to_watch")
        assert int(answer.headers["retry-after"]) >= 1
    assert "nowhere" not in engine.open_rooms
    problem(await post(client, "/whep/empty?view=none"), 404, "no_such_view")


async def test_where_joining_opens_no_room_there_is_none_to_wait_for(make_client: MakeClient) -> None:
    client = await make_client(limits={"rooms_on_join": False}, keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))
    answer = await post(client, "/whep/team", Authorization=f"Bearer {pass_for('ada')}")
    problem(answer, 404, "no_such_room")


async def test_a_stream_ends_when_its_connection_dies(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    address = (await started(client)).headers["location"]
    room = engine.open_rooms["team"]
    (who,) = room.people
    room.emit(PeerFailed(to=who, connection="main", message="consent_lost"))
    await gone(client, address)
    assert not room.people


async def test_a_stream_ends_with_its_participant_and_its_room(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    kicked, closed = [(await started(client, f"/whip/{room}")).headers["location"] for room in ("one", "two")]
    one, two = engine.open_rooms["one"], engine.open_rooms["two"]
    (who,) = one.people
    one.emit(Kicked(to=who, reason="enough"))
    await gone(client, kicked)
    two.close()
    await gone(client, closed)
    assert not asked(one, Leave)
    assert not asked(two, Leave)


async def test_a_room_that_answers_with_a_fault_loses_the_participant(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    await started(client)
    problem(await post(client, body=offer().replace("v=0", "v=1")), 400, "bad_sdp", "sdp")
    assert len(engine.open_rooms["team"].people) == 1


async def test_the_number_of_streams_is_bounded(make_client: MakeClient) -> None:
    client = await make_client(limits={"max_streams": 1})
    address = (await started(client)).headers["location"]
    full = await post(client)
    problem(full, 503, "no_capacity")
    assert int(full.headers["retry-after"]) >= 1
    await client.delete(address)
    await started(client)


async def test_tokens_are_asked_for_where_there_are_keys(guarded: httpx.AsyncClient) -> None:
    for path in ("/whip/team", "/whep/team"):
        refused = await post(guarded, path)
        problem(refused, 401, "unauthorised")
        assert refused.headers["www-authenticate"].startswith("Bearer")
        problem(await post(guarded, path, Authorization=f"Bearer {pass_for('ada', 'other')}"), 403, "forbidden")


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", ""])
async def test_a_token_says_who_publishes(guarded: httpx.AsyncClient, engine: FakeEngine, scheme: str) -> None:
    await started(guarded, "/whip/team?name=Somebody", Authorization=scheme + pass_for("ada"))
    (join,) = asked(engine.open_rooms["team"], Join)
    assert (join.identity, join.name) == ("ada", "Ada")


async def test_grants_decide(guarded: httpx.AsyncClient) -> None:
    await started(guarded, Authorization=f"Bearer {pass_for('ada', publish=['camera'])}")
    mute = await post(guarded, Authorization=f"Bearer {pass_for('bo', publish=['screen'])}")
    problem(mute, 403, "forbidden")
    blind = await post(guarded, "/whep/team", Authorization=f"Bearer {pass_for('bo', subscribe=False)}")
    problem(blind, 403, "forbidden")


async def test_watching_replaces_nobody(guarded: httpx.AsyncClient, engine: FakeEngine) -> None:
    """The same token in a browser and in a player: one person, and a viewer beside them."""
    token = f"Bearer {pass_for('ada')}"
    await started(guarded, Authorization=token)
    await started(guarded, "/whep/team", Authorization=token)
    people = engine.open_rooms["team"].people
    assert [one.hidden for one in people.values()] == [False, True]
    assert "ada" in people


async def test_a_stream_is_its_makers_and_the_moderators(guarded: httpx.AsyncClient) -> None:
    ada = {"Authorization": f"Bearer {pass_for('ada')}"}
    address = (await started(guarded, **ada)).headers["location"]
    problem(await guarded.delete(address), 401, "unauthorised")
    problem(await guarded.delete(address, headers={"Authorization": "Bearer nonsense"}), 401, "unauthorised")
    other = {"Authorization": f"Bearer {pass_for('bo')}"}
    problem(await guarded.patch(address, content=fragment(CANDIDATE), headers=FRAGMENT | other), 403, "forbidden")
    assert (await guarded.patch(address, content=fragment(CANDIDATE), headers=FRAGMENT | ada)).status_code == 204
    assert (await guarded.delete(address, headers={"Authorization": f"Bearer {ADMIN_KEY}"})).status_code == 200

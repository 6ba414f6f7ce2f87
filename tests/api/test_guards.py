"""Bounds around every request, security headers, the origin check and the web page."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from websockets.exceptions import InvalidStatus

from api.page import Page
from api.server import Server
from tests.api.conftest import BOUND_S, MakeClient, MakeServer
from tests.api.socket import SocketClient
from tests.kit.engine import FakeEngine

ROOMS = "/api/v1/rooms"


async def exchange(server: Server, sent: bytes) -> bytes:
    """Sends bytes over TCP and reads until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), BOUND_S)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_body_too_large_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 64 * 1024
            yield b"x" * (64 * 1024)

    headers = {"Content-Type": "application/json"}
    streamed = await client.post(ROOMS, content=chunks(), headers=headers)
    assert (streamed.status_code, streamed.json()["code"]) == (413, "too_large")
    assert read <= 1024 * 1024 + 2 * 64 * 1024
    declared = await client.post(ROOMS, content=b"x" * (1024 * 1024 + 1), headers=headers)
    assert (declared.status_code, declared.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("length", ["99999999999999999999999999", "1e3", "-1", "\xb2"])
async def test_a_content_length_that_is_none(client: httpx.AsyncClient, length: str) -> None:
    answer = await client.post(ROOMS, content=b"{}", headers={b"Content-Length": length.encode("latin-1")})
    assert answer.status_code == 413


async def test_a_body_that_does_not_come_is_not_waited_for(make_server: MakeServer) -> None:
    server = await make_server(limits={"body_timeout_s": 0.1})
    head = b"POST /api/v1/rooms HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    assert b" 408 " in await exchange(server, head + b"Content-Length: 9\r\n\r\n{")


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_request_that_does_not_come_is_not_waited_for(make_server: MakeServer, sent: bytes) -> None:
    server = await make_server(limits={"header_timeout_s": 0.1})
    assert await exchange(server, sent) == b""


async def test_a_second_request_on_a_connection_is_bounded_too(make_server: MakeServer) -> None:
    server = await make_server(limits={"header_timeout_s": 0.1})
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b'"ok"}'), BOUND_S)
    writer.write(b"GET /hea")
    assert await asyncio.wait_for(reader.read(), BOUND_S) == b""
    writer.close()
    await writer.wait_closed()


async def test_headers_too_long_are_refused(server: Server) -> None:
    answer = await exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 100_000)
    assert answer.startswith(b"HTTP/1.1 400")


async def test_more_connections_than_allowed(make_server: MakeServer) -> None:
    server = await make_server(limits={"max_connections": 2})
    waiting = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
    assert (await exchange(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 503")
    with pytest.raises(InvalidStatus) as refused:
        async with SocketClient(server):
            pass
    assert refused.value.response.status_code == 503
    for _, writer in waiting:
        writer.close()
        await writer.wait_closed()


async def test_a_crash_outside_the_routes_is_told_as_little(engine: FakeEngine) -> None:
    from api.guards import ErrorBoundary

    async def crash(_request: object) -> None:
        raise RuntimeError("a secret detail")

    app = ErrorBoundary(Starlette(routes=[Route("/", crash)]).router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text


async def test_every_answer_has_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/", "/nothing", f"{ROOMS}/none", "/app.js"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_another_origins_page_changes_nothing(make_client: MakeClient, engine: FakeEngine) -> None:
    client = await make_client()
    for origin in ("https://evil.example", "null", "http://mcu.test.evil.example", "http://mcu.test:81"):
        answer = await client.post(ROOMS, json={"name": "team"}, headers={"Origin": origin})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden_origin"), origin
        assert "access-control-allow-origin" not in answer.headers
    assert not engine.open_rooms
    answer = await client.post(ROOMS, json={"name": "team"}, headers={"Origin": "http://mcu.test"})
    assert answer.status_code == 201


async def test_an_allowed_origin_gets_cors(make_client: MakeClient) -> None:
    client = await make_client(cors_origins=("https://friend.example",))
    friend = {"Origin": "https://friend.example", "Access-Control-Request-Method": "PUT"}
    preflight = await client.options(f"{ROOMS}/x/views/main/layout", headers=friend)
    assert preflight.headers["access-control-allow-origin"] == "https://friend.example"
    answer = await client.post(ROOMS, json={"name": "team"}, headers={"Origin": "https://friend.example"})
    assert answer.status_code == 201
    assert "ETag" in answer.headers["access-control-expose-headers"]
    evil = await client.post(ROOMS, json={"name": "b"}, headers={"Origin": "https://evil.example"})
    assert evil.status_code == 403


@pytest.fixture
def page(tmp_path: Path) -> httpx.ASGITransport:
    """A page of made-up files."""
    web = tmp_path / "web"
    (web / "parts").mkdir(parents=True)
    (web / "index.html").write_text("<title>mosaic</title>")
    for name in ("app.js", "view.mjs", "style.css", "parts/a.js"):
        (web / name).write_text("/* */")
    (tmp_path / "secret.txt").write_text("secret")
    (web / "linked.js").symlink_to(tmp_path / "secret.txt")
    app = Starlette()
    app.router.default = Page(web)
    return httpx.ASGITransport(app)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/web/", "text/html"),
        ("/index.html", "text/html"),
        ("/app.js", "text/javascript"),
        ("/web/app.js", "text/javascript"),
        ("/view.mjs", "text/javascript"),
        ("/style.css", "text/css"),
        ("/parts/a.js", "text/javascript"),
    ],
)
async def test_the_pages_files_and_their_types(page: httpx.ASGITransport, path: str, kind: str) -> None:
    async with httpx.AsyncClient(transport=page, base_url="http://x") as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


async def test_the_page_holds_nothing_else(page: httpx.ASGITransport) -> None:
    paths = [
        "/secret.txt",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/linked.js",
    ]
    paths += ["/app.js%00", "//etc/passwd", "/web/../../secret.txt", "/parts/../../secret.txt", "/" + "x" * 5000]
    async with httpx.AsyncClient(transport=page, base_url="http://x") as client:
        for path in paths:
            answer = await client.send(httpx.Request("GET", httpx.URL("http://x", raw_path=path.encode())))
            assert answer.status_code == 404, path
        assert (await client.post("/app.js")).status_code == 404

"""Somebody's web server for webhooks, which may fail, hang, and be restarted on its port."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from api.webhooks.signature import key_of, verified
from tests.kit.server import free_port

Mood = Literal["well", "failing", "hanging", "deaf"]


class WebhookReceiver:
    """``taken`` are the events that were answered with 204, in their order; ``asked`` counts every attempt.

    ``mood``: ``failing`` answers 500; ``hanging`` answers nothing until the mood changes; ``deaf`` takes the event and
    drops the connection without an answer, so that it comes again.
    """

    def __init__(self, secret: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.taken: list[dict[str, Any]] = []
        self.asked = 0
        self.forged = 0
        self._key = key_of(secret)
        self._mood: Mood = "well"
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length:  # whoever sent it was killed half-way
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver._take(headers, body, float(headers["webhook-timestamp"]))
                if status is None:
                    self.close_connection = True
                    return
                with contextlib.suppress(OSError):  # whoever asked may have gone
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A server that is killed leaves broken connections."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Nobody listens on the port any more. Idempotent."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def be(self, mood: Mood) -> None:
        with self._changed:
            self._mood = mood
            self._changed.notify_all()

    def wait(self, timeout_s: float, *, taken: int = 0, asked: int = 0) -> None:
        """Until so many events were taken, and so many attempts made. Raises AssertionError."""
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self.taken) >= taken and self.asked >= asked, timeout_s)
        assert enough, f"{len(self.taken)} of {taken} taken, {self.asked} of {asked} asked"

    def _take(self, headers: dict[str, str], body: bytes, now_s: float) -> int | None:
        with self._changed:
            self.asked += 1
            self._changed.notify_all()
            if not verified(self._key, headers, body, now_s):
                self.forged += 1
                return 401
            if self._mood == "hanging":
                self._changed.wait_for(lambda: self._mood != "hanging", 30)
                return None
            if self._mood == "failing":
                return 500
            self.taken.append(json.loads(body))
            self._changed.notify_all()
            return None if self._mood == "deaf" else 204


@contextlib.contextmanager
def running_receiver(secret: str) -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver(secret)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.be("well")
        receiver.stop()

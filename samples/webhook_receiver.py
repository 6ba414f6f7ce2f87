"""A server that is told what happens in rooms. It checks who says so, and uses nothing but the standard library.

    python -m samples.webhook_receiver --secret "$SECRET" --port 9000
    MCU_WEBHOOKS='[{"url": "http://127.0.0.1:9000/", "secret": "…"}]' mcu serve

Each event comes at least once, so one that was seen already is thanked for and not told again. Whatever isn't answered
with 2xx comes again, and the room's next event waits for it: answer first, work afterwards.
"""

import argparse
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BODY_BYTES = 1 << 20
TOLERANCE_S = 300
REMEMBERED = 10_000


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """Whether the holder of the secret sent this, and sent it lately (https://www.standardwebhooks.com).

    Without the timestamp, whoever overheard an event could send it again next week.
    """
    event, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(now_s - int(timestamp)) > TOLERANCE_S:
        return False
    prefix, _, encoded = secret.partition("whsec_")
    key = base64.b64decode(encoded) if encoded and not prefix else secret.encode()
    digest = hmac.new(key, f"{event}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(expected, one.encode()) for one in given)


class Receiver(ThreadingHTTPServer):
    """Prints one line for each event."""

    daemon_threads = True

    def __init__(self, port: int, secret: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.secret = secret
        self.seen: dict[str, None] = {}

    def is_new(self, event: str) -> bool:
        if event in self.seen:
            return False
        self.seen[event] = None
        if len(self.seen) > REMEMBERED:
            del self.seen[next(iter(self.seen))]
        return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: Receiver

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self._answer(413)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_genuine(self.server.secret, headers, body, time.time()):
            self._answer(401)
            return
        self._answer(204)
        event = json.loads(body)
        if self.server.is_new(event["id"]):
            print(event["at"], event["room"], event["type"], json.dumps(event["data"], ensure_ascii=False), flush=True)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if status >= 400:
            self.close_connection = True
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The line of each event is enough."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Prints what happens in rooms.")
    parser.add_argument("--secret", required=True, help="the same as in the server's settings")
    parser.add_argument("--port", type=int, default=9000, help="0: any free one")
    options = parser.parse_args()
    with Receiver(options.port, options.secret) as receiver:
        print(f"listening on http://127.0.0.1:{receiver.server_port}/", flush=True)
        receiver.serve_forever()


if __name__ == "__main__":
    main()

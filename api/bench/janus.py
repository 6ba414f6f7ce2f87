"""Janus's AudioBridge, to compare with: the same people as plain-RTP participants, its processor time by the kernel.

It mixes and encodes for each participant, in a thread each. Debian has a package of it: ``apt-get install janus``.
"""

import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx

from api.bench.harness import BenchFailed, Missing, Work
from api.bench.live import LOOPBACK, free_port
from api.bench.media import bound_socket
from api.bench.processes import stop
from api.bench.programs import installed
from mcu.clock import NS_PER_S
from mcu.frames import SAMPLES_PER_TICK
from mcu.rtc import rtp
from mixer.timeline import SOUND_TICK_NS

PROGRAM: Final = "janus"
ROOM: Final = 77
PAYLOAD_TYPE: Final = 111
START_S: Final = 20.0
STOP_S: Final = 10.0
HEARD: Final = 0.8
"""What of the packets due must come back, or it did not do the work."""

_CONFIGURATIONS: Final = {
    "janus.jcfg": """general: {{ configs_folder = "{folder}" debug_level = 2 }}
transports: {{ disable = "libjanus_websockets.so,libjanus_mqtt.so,libjanus_rabbitmq.so,libjanus_nanomsg.so,libjanus_pfunix.so" }}
""",  # noqa: E501 - Janus's own names
    "janus.transport.http.jcfg": """general: {{ http = true ip = "127.0.0.1" port = {port} https = false }}
admin: {{ admin_http = false }}
""",
    "janus.plugin.audiobridge.jcfg": 'general: {{ local_ip = "127.0.0.1" }}\n',
}


def missing() -> str | None:
    """Why it can't be run here."""
    return None if installed(PROGRAM) else f"{PROGRAM} is not installed"


class AudioBridge:
    """A running Janus with a room. Raises ``BenchFailed`` when it doesn't do as it is told."""

    def __init__(self, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mcu-bench-")))
        port = free_port()
        for name, text in _CONFIGURATIONS.items():
            (folder / name).write_text(text.format(folder=folder, port=port))
        command = [PROGRAM, "-F", str(folder), "-C", str(folder / "janus.jcfg")]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
        stack.callback(self._end)
        self._http = stack.enter_context(httpx.Client(base_url=f"http://{LOOPBACK}:{port}", timeout=10.0))
        self._session = ""
        self._wait_until_ready()
        self._session = f"/{self._ask('create')['data']['id']}"
        room = {"request": "create", "room": ROOM, "sampling": 48_000, "allow_rtp_participants": True}
        self._tell(self._attach(), room)

    def join(self, address: tuple[str, int]) -> tuple[str, int]:
        """Lets somebody in who listens at ``address``; where their packets are to be sent."""
        rtp_of = {"ip": address[0], "port": address[1], "payload_type": PAYLOAD_TYPE}
        self._tell(self._attach(), {"request": "join", "room": ROOM, "rtp": rtp_of})
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            event = self._http.get(f"/janus{self._session}", params={"maxev": 1}).json()
            data = event.get("plugindata", {}).get("data", {})
            if data.get("audiobridge") == "joined" and "rtp" in data:
                return str(data["rtp"]["ip"]), int(data["rtp"]["port"])
            if "error" in data:
                raise BenchFailed(f"Janus lets nobody in: {data['error']}")
        raise BenchFailed("Janus let nobody in")

    def keep_alive(self) -> None:
        self._ask("keepalive")

    def cpu_s(self) -> float:
        """User and system time it has taken so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            try:
                self._http.get("/janus/info")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise BenchFailed("Janus did not come up")

    def _attach(self) -> str:
        return f"/{self._ask('attach', plugin='janus.plugin.audiobridge')['data']['id']}"

    def _tell(self, handle: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._ask("message", handle, body=body)

    def _ask(self, what: str, handle: str = "", **more: object) -> dict[str, Any]:
        path = f"/janus{self._session}{handle}"
        answer: dict[str, Any] = self._http.post(
            path, json={"janus": what, "transaction": secrets.token_hex(4), **more}
        ).json()
        if answer.get("janus") == "error":
            raise BenchFailed(f"Janus refused {what}: {answer.get('error')}")
        return answer

    def _end(self) -> None:
        stop(self._process, STOP_S)


def by_audiobridge(stack: ExitStack, said: Sequence[Sequence[bytes]]) -> Work | Missing:
    """In real time, tick by tick, what everybody says to Janus; its processor time in milliseconds a second."""
    reason = missing()
    if reason is not None:
        return Missing(reason)
    bridge = AudioBridge(stack)
    # Janus hears people only from where they listen.
    people = [bound_socket(stack) for _ in said[0]]
    for person in people:
        person.setblocking(False)
    ways = [bridge.join(person.getsockname()) for person in people]
    sent_before = [0]

    def work() -> float:
        bridge.keep_alive()
        heard, spent_s, began_ns = 0, bridge.cpu_s(), time.monotonic_ns()
        for tick, payloads in enumerate(said):
            time.sleep(max(0, began_ns + tick * SOUND_TICK_NS - time.monotonic_ns()) / NS_PER_S)
            number = sent_before[0] + tick
            for ssrc, (payload, way, person) in enumerate(zip(payloads, ways, people, strict=True), 1):
                head = rtp.header(PAYLOAD_TYPE, False, number & 0xFFFF, number * SAMPLES_PER_TICK, ssrc)
                person.sendto(head + payload, way)
                heard += _emptied(person)
        sent_before[0] += len(said)
        took_s = (time.monotonic_ns() - began_ns) / NS_PER_S
        if heard < HEARD * took_s / (SOUND_TICK_NS / NS_PER_S) * len(ways):
            raise BenchFailed(f"Janus sent only {heard} packets in {took_s:.1f} s")
        return (bridge.cpu_s() - spent_s) * 1000 / took_s

    return work


def _emptied(person: socket.socket) -> int:
    """Takes what has come; how many packets there were."""
    count = 0
    while True:
        try:
            person.recv(2048)
        except BlockingIOError:
            return count
        count += 1

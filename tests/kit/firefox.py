"""Firefox, headless, as a participant of another make: driven by WebDriver BiDi, which it speaks by itself.

Its camera is a canvas of one colour, which ``getUserMedia`` hands out, and its microphone Firefox's own tone.
"""

import asyncio
import base64
import contextlib
import io
import itertools
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from tests.kit.programs import require_program
from tests.kit.testcard import Rgb
from tests.kit.tones import SAMPLE_RATE_HZ, Samples

START_TIMEOUT_S = 60.0
PATIENCE_S = 60.0
PREFERENCES: dict[str, bool | int] = {
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.autoplay.default": 0,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}
_LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
_DEVICES = """(hue) => {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const tracks = [];
    if (video) {
      const canvas = document.createElement("canvas");
      Object.assign(canvas, { width: 320, height: 180 });
      const context = canvas.getContext("2d");
      let count = 0;
      setInterval(() => {
        context.fillStyle = `hsl(${hue} 100% 50%)`;
        context.fillRect(0, 0, 320, 180);
        context.fillStyle = "white";
        context.fillRect(count++ % 320, 170, 8, 8);
      }, 66);
      tracks.push(...canvas.captureStream(15).getVideoTracks());
    }
    if (audio) tracks.push(...(await real({ audio })).getAudioTracks());
    return new MediaStream(tracks);
  };
}"""
_FRAME = """() => {
  const video = document.getElementById("composite");
  if (!video?.videoWidth) return null;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}"""
_SOUND = """async (seconds) => {
  const [track] = document.getElementById("composite").srcObject.getAudioTracks();
  const recorder = new MediaRecorder(new MediaStream([track]));
  const chunks = [];
  recorder.ondataavailable = ({ data }) => chunks.push(data);
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  recorder.stop();
  await stopped;
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}"""


def require_firefox() -> str:
    """The path of Firefox, or the calling test is skipped."""
    return require_program("firefox-esr", "firefox-esr, or make test-long as root", alias="firefox")


class Firefox:
    """One page in one browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._context = ""

    async def begin(self, hue: float) -> None:
        await self._ask("session.new", capabilities={})
        self._context = (await self._ask("browsingContext.create", type="tab"))["context"]
        preload = f"() => ({_DEVICES})({hue})"
        await self._ask("script.addPreloadScript", functionDeclaration=preload, contexts=[self._context])

    async def goto(self, url: str) -> None:
        await self._ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def call(self, function: str, *arguments: object) -> Any:
        """What a JavaScript function of the page's returns, by way of JSON; promises are awaited. Raises
        AssertionError with what it throws.
        """
        text = f"async () => JSON.stringify((await ({function})(...{json.dumps(arguments)})) ?? null)"
        answer = await self._ask(
            "script.callFunction",
            functionDeclaration=text,
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    async def wait_for(self, expression: str, timeout_s: float = PATIENCE_S) -> None:
        """Until a JavaScript expression is truthy."""
        async with asyncio.timeout(timeout_s):
            while not await self.call(f"() => Boolean({expression})"):  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.1)

    async def wait_for_frame(self, wanted: Callable[[Rgb], bool], timeout_s: float = PATIENCE_S) -> Rgb:
        """The first picture of the composite that is ``wanted``."""
        async with asyncio.timeout(timeout_s):
            while True:
                png = await self.call(_FRAME)
                if png is not None:
                    picture = cv2.imdecode(np.frombuffer(base64.b64decode(png), np.uint8), cv2.IMREAD_COLOR)
                    assert picture is not None
                    rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
                    if wanted(rgb):
                        return rgb
                await asyncio.sleep(0.1)

    async def sound(self, seconds: float = 1.5) -> Samples:
        """The next ``seconds`` of what the composite sounds like: there is no sound card, so Firefox records it."""
        recorded = base64.b64decode(await self.call(_SOUND, seconds))
        with av.open(io.BytesIO(recorded), "r") as file:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
            pieces = [
                piece.to_ndarray().reshape(-1) for frame in file.decode(audio=0) for piece in resampler.resample(frame)
            ]
        return np.asarray(np.concatenate(pieces), np.int16)

    async def _ask(self, method: str, **parameters: object) -> Any:
        number = next(self._ids)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = json.loads(await self._socket.recv())
                if message.get("id") == number:
                    assert message["type"] == "success", message
                    return message["result"]


@contextlib.asynccontextmanager
async def launch_firefox(directory: Path, hue: float, tone_hz: int) -> AsyncIterator[Firefox]:
    """A browser with a fresh profile under ``directory``, and those as its camera and microphone."""
    profile = directory / "firefox"
    profile.mkdir()
    preferences = PREFERENCES | {"media.navigator.audio.fake_frequency": tone_hz}
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items())
    (profile / "user.js").write_text("".join(lines))
    command = [require_firefox(), "--headless", "--no-remote", "--remote-debugging-port=0", f"--profile={profile}"]
    log = directory / "firefox.log"
    variables = {**os.environ, "HOME": str(directory), "MOZ_DISABLE_CONTENT_SANDBOX": "1"}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, env=variables)
    try:
        address = await _listening(process, log)
        async with connect(f"{address}/session", max_size=None, proxy=None) as socket:
            firefox = Firefox(socket)
            await firefox.begin(hue)
            yield firefox
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _listening(process: asyncio.subprocess.Process, log: Path) -> str:
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            said = await asyncio.to_thread(log.read_bytes)
            assert process.returncode is None, f"firefox ended:\n{said.decode(errors='replace')}"
            found = _LISTENING.search(said)
            if found is not None:
                return found[1].decode()
            await asyncio.sleep(0.1)

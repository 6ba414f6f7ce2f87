"""GStreamer's webrtcbin as a WHIP publisher or a WHEP viewer. A program for /usr/bin/python3, which has ``gi``.

``gst_client.py whip ADDRESS HZ SETUP`` sends blue pictures and a tone until its standard input is closed, and offers to
take the part SETUP in the DTLS handshake (``actpass`` or ``passive``, which makes it the server); ``gst_client.py
whep ADDRESS DIRECTORY`` writes ``picture.rgb`` (a line with the size, then the pixels) and ``sound.raw`` (S16LE, mono,
48 kHz) once both have come. webrtcbin makes RSA certificates, as browsers no longer do.
"""

import http.client
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402 - the versions are chosen first

SOUND_BYTES = 48_000 * 2

WHIP = """
webrtcbin name=peer bundle-policy=max-bundle latency=0
videotestsrc is-live=true pattern=solid-color foreground-color=0xff2020e0 !
 video/x-raw,format=I420,width=320,height=180,framerate=15/1 !
 vp8enc deadline=1 cpu-used=8 target-bitrate=300000 keyframe-max-dist=15 error-resilient=default ! rtpvp8pay pt=96 !
 application/x-rtp,media=video,encoding-name=VP8,payload=96 ! peer.
audiotestsrc is-live=true freq={hz} volume=0.2 ! audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay pt=97 !
 application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! peer.
"""
VIDEO_IN = """
queue ! rtpvp8depay ! vp8dec ! videoconvert ! video/x-raw,format=RGB ! appsink name=pictures max-buffers=1 drop=true
"""
AUDIO_IN = """
queue ! rtpopusdepay ! opusdec ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,channels=1,rate=48000 !
 appsink name=sounds
"""
CAPS_IN = (
    "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000,rtcp-fb-nack-pli=true",
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2",
)


def ask(method: str, address: str, body: str | None = None) -> tuple[int, dict[str, str], str]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, target, body, {"Content-Type": "application/sdp"} if body else {})
    answer = connection.getresponse()
    return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read().decode()


class Client:
    def __init__(self, pipeline: Any, address: str, setup: str = "actpass") -> None:
        self.pipeline, self.address, self.setup = pipeline, address, setup
        self.location: str | None = None
        self.reply: Any = None
        self.fault = ""
        self.loop = GLib.MainLoop()
        self.peer = pipeline.get_by_name("peer")
        self.peer.connect("on-negotiation-needed", self.negotiate)
        self.peer.connect("notify::ice-gathering-state", self.gathered)

    def negotiate(self, peer: Any) -> None:
        peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered, None))

    def offered(self, promise: Any, _: Any) -> None:
        promise.wait()
        self.reply = promise.get_reply()  # owns the offer, and must outlive the call
        self.peer.emit("set-local-description", self.reply.get_value("offer"), Gst.Promise.new())

    def gathered(self, peer: Any, _: Any) -> None:
        state = peer.get_property("ice-gathering-state")
        if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE and self.location is None:
            self.location = ""
            threading.Thread(target=self.post, daemon=True).start()

    def post(self) -> None:
        offer = self.peer.get_property("local-description").sdp.as_text()
        offer = offer.replace("a=setup:actpass", f"a=setup:{self.setup}")
        status, headers, answer = ask("POST", self.address, offer)
        if status != 201:
            self.fault = f"refused: {status} {answer}\n{offer}"
            self.loop.quit()
            return
        self.location = urljoin(self.address, headers["location"])
        _, message = GstSdp.SDPMessage.new()
        GstSdp.sdp_message_parse_buffer(answer.encode(), message)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.peer.emit("set-remote-description", description, Gst.Promise.new())

    def run(self) -> None:
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.location:
            status, _, _ = ask("DELETE", self.location)
            self.fault = f"deleted: {status}" if status != 200 else ""
        self.pipeline.set_state(Gst.State.NULL)
        if self.fault:
            sys.exit(self.fault)


def whip(address: str, hz: str, setup: str) -> None:
    client = Client(Gst.parse_launch(WHIP.format(hz=hz)), address, setup)

    def stop() -> None:
        sys.stdin.read()
        client.loop.quit()

    threading.Thread(target=stop, daemon=True).start()
    client.run()


def whep(address: str, directory: str) -> None:
    pipeline = Gst.Pipeline.new()
    peer = Gst.ElementFactory.make("webrtcbin", "peer")
    peer.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    pipeline.add(peer)
    client = Client(pipeline, address)
    for caps in CAPS_IN:
        peer.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
    wanted = {"pictures", "sounds"}

    def arrived(_: Any, pad: Any) -> None:
        if pad.direction != Gst.PadDirection.SRC:
            return
        media = pad.get_current_caps().get_structure(0).get_string("media")
        receiver = Gst.parse_bin_from_description(VIDEO_IN if media == "video" else AUDIO_IN, True)
        pipeline.add(receiver)
        receiver.sync_state_with_parent()
        pad.link(receiver.get_static_pad("sink"))
        name = "pictures" if media == "video" else "sounds"
        threading.Thread(target=take, args=(receiver.get_by_name(name), name), daemon=True).start()

    def take(sink: Any, name: str) -> None:
        data = b""
        for number in range(1000):
            sample = sink.emit("pull-sample")
            if sample is None:
                return
            buffer = sample.get_buffer()
            piece = buffer.extract_dup(0, buffer.get_size())
            if name == "sounds":
                data += piece
                if len(data) >= 2 * SOUND_BYTES:
                    Path(directory, "sound.raw").write_bytes(data[-SOUND_BYTES:])
                    break
            elif number >= 8:
                shape = sample.get_caps().get_structure(0)
                size = f"{shape.get_value('width')} {shape.get_value('height')}\n".encode()
                Path(directory, "picture.rgb").write_bytes(size + piece)
                break
        wanted.discard(name)
        if not wanted:
            client.loop.quit()

    peer.connect("pad-added", arrived)
    client.run()


if __name__ == "__main__":
    Gst.init(None)
    if sys.argv[1] == "whip":
        whip(*sys.argv[2:])
    else:
        whep(*sys.argv[2:])

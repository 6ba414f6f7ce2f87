"""One person's own stream is what they send: a viewer without that codec is told so, at once or when it shows."""

import httpx
import pytest
from aiortc import RTCRtpSender, RTCSessionDescription

from tests.api.people import ROOM, Meeting
from tests.api.problems import problem
from tests.api.test_whip import gone
from tests.kit import rtc

SDP = {"Content-Type": "application/sdp"}


def client_of(codec: str, direction: str) -> rtc.Client:
    """Knows no other codec."""
    pc = rtc.new_connection()
    video = pc.addTransceiver(rtc.SmallVideo() if direction == "sendonly" else "video", direction=direction)
    known = RTCRtpSender.getCapabilities("video").codecs
    video.setCodecPreferences([one for one in known if one.mimeType == f"video/{codec}"])
    return rtc.client_of(pc)


async def post(met: Meeting, path: str, client: rtc.Client) -> httpx.Response:
    return await met.admin.post(path, content=await rtc.make_offer(client), headers=SDP)


async def follow(client: rtc.Client, answer: httpx.Response) -> None:
    assert answer.status_code == 201, answer.text
    await client.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))


@pytest.mark.parametrize(("sent", "other"), [("H264", "VP8"), ("VP8", "H264")])
async def test_a_viewer_without_the_codec_is_told_what_to_do(open_meeting: Meeting, sent: str, other: str) -> None:
    publisher = client_of(sent, "sendonly")
    published = await post(open_meeting, "/whip/team", publisher)
    (ada,) = (await open_meeting.admin.get(f"{ROOM}/participants")).json()["participants"]
    path = f"/whep/team/{ada['id']}"
    early, late, fitting = client_of(other, "recvonly"), client_of(other, "recvonly"), client_of(sent, "recvonly")
    clients = [publisher, early, late, fitting]
    try:
        before = await post(open_meeting, path, early)
        await follow(early, before)  # nobody knows yet what will come
        await follow(publisher, published)
        await gone(open_meeting.admin, before.headers["location"])

        refused = await post(open_meeting, path, late)
        problem(refused, 406, "codec_mismatch", "sdp")
        assert f"sends {sent}" in refused.json()["detail"]
        assert "watch a view" in refused.json()["detail"]

        stream = await post(open_meeting, path, fitting)
        await follow(fitting, stream)
        track = fitting.tracks["video"]
        assert (await track.recv()).width > 0  # type: ignore[union-attr]  # a video track gives pictures
    finally:
        for client in clients:
            await client.close()

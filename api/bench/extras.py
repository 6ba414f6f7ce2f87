"""Those who fill a room: they connect like everybody else, then count what comes in without opening it."""

import time
from dataclasses import dataclass
from typing import Final

from api.bench.light import AUDIO_TYPE, VIDEO_TYPE, LightPeer
from mcu.clock import NS_PER_S, SystemClock
from mcu.rtc import rtcp

ESTIMATE_BPS: Final = 8_000_000
"""What they say their path carries: nobody is to get less than the whole picture."""
REPORT_NS: Final = NS_PER_S


@dataclass(slots=True)
class Arrived:
    """What came since the last ``reset``. ``lost``: numbers of video packets that were left out."""

    pictures: int = 0
    sounds: int = 0
    lost: int = 0
    longest_gap_ns: int = 0
    """Between two packets of sound."""


class Extra(LightPeer):
    """One of the crowd. It reports every second, as a browser does, and asks for nothing again."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.arrived = Arrived()
        self._heard_ns: int | None = None
        self._video_ssrc = self._audio_ssrc = 0
        self._video_number = self._audio_number = 0
        self._report_ns = 0

    def reset(self) -> None:
        """Begins to count anew. The next packet of sound is the first one."""
        self.arrived = Arrived()
        self._heard_ns = None

    def _datagram(self, data: bytes) -> None:
        kind = data[1] & 0x7F
        if kind == AUDIO_TYPE:
            self._hear(data)
        elif kind == VIDEO_TYPE:
            number = data[2] << 8 | data[3]
            ahead = number - self._video_number - 1 & 0xFFFF
            if ahead < 0x8000:
                self.arrived.lost += ahead if self._video_ssrc else 0
                self._video_number = number
            if data[1] & 0x80:
                self.arrived.pictures += 1
            self._video_ssrc = int.from_bytes(data[8:12], "big")

    def _hear(self, data: bytes) -> None:
        now_ns, before_ns = time.monotonic_ns(), self._heard_ns
        self._heard_ns = now_ns
        self._audio_number, self._audio_ssrc = data[2] << 8 | data[3], int.from_bytes(data[8:12], "big")
        self.arrived.sounds += 1
        if before_ns is not None and now_ns - before_ns > self.arrived.longest_gap_ns:
            self.arrived.longest_gap_ns = now_ns - before_ns

    def tick(self, now_ns: int) -> None:
        media = self._media
        if media is None or now_ns < self._report_ns or not self._video_ssrc:
            return
        self._report_ns = now_ns + REPORT_NS
        blocks = [
            rtcp.ReportBlock(ssrc, 0, 0, number, 0, 0, 0)
            for ssrc, number in ((self._video_ssrc, self._video_number), (self._audio_ssrc, self._audio_number))
        ]
        ours = self._identity.audio_ssrc
        feedback = rtcp.receiver_report(ours, blocks) + rtcp.remb(ours, ESTIMATE_BPS, (self._video_ssrc,))
        media.downlink.send_rtcp(media.downlink.sender_report(now_ns) + feedback)

"""Connections: the only package that knows aiortc and aioice."""

from mcu.rtc.binding import self_check
from mcu.rtc.listener import Negotiated, OutgoingIdentity, PeerListener, PeerState, Reception
from mcu.rtc.peer import Peer, PeerStatistics
from mcu.rtc.sender import AudioFanout, Downlink, VideoFanout
from mcu.rtc.ticker import RtcTicker

__all__ = [
    "AudioFanout",
    "Downlink",
    "Negotiated",
    "OutgoingIdentity",
    "Peer",
    "PeerListener",
    "PeerState",
    "PeerStatistics",
    "Reception",
    "RtcTicker",
    "VideoFanout",
    "self_check",
]

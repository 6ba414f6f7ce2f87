"""What of an offer a room takes: a pure function from an offer to an agreement (RFC 8829, RFC 8843).

One audio and one video section are taken, and one of data channels beside them, on one transport; where streams are
forwarded, further sections that receive as well. Every other section is answered with port 0. The client always offers,
so there is no other direction.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from mcu.errors import BadRequest
from mcu.frames import AUDIO_CLOCK_HZ, PLAIN_SOUND, VIDEO_CLOCK_HZ, VideoCodec
from mcu.rtc.agreement import Agreement, RemoteTransport, TakenSection, sound_form
from mcu.rtc.listener import Negotiated, OutgoingTypes, StreamOut
from mcu.rtc.sdp import Codec, Direction, Offer, Section, bad_sdp

AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
# Video orientation (3GPP TS 26.114) is left out on purpose: a browser that may not send it rotates the pixels.

FINGERPRINT_ALGORITHMS = ("sha-256", "sha-384", "sha-512")

_PROFILES = ("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "RTP/SAVPF", "UDP/TLS/RTP/SAVP")
_DATA_PROFILES = ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP")
_ANSWERED: Mapping[Direction, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_PROFILE_LEVEL_ID = re.compile(r"[0-9a-f]{6}", re.IGNORECASE | re.ASCII)


def negotiate(
    offer: Offer, codecs: tuple[VideoCodec, ...], *, dtls_server: bool = True, media: bool = True, streams: int = 0
) -> Agreement:
    """Takes what can be taken of ``offer``, with the video ``codecs`` in our order of preference.

    ``dtls_server`` is the part to take where the offer leaves it to us. Without ``media`` data channels are taken and
    nothing else. Of each kind, ``streams`` further sections that receive are taken at most.

    Raises ``BadRequest``: ``no_common_codec`` when audio or video was offered in codecs unknown here only, ``bad_sdp``
    when there is nothing to take, or no way to carry it on one transport.
    """
    mids = [section.mid for section in offer.sections if section.mid is not None]
    if len(set(mids)) != len(mids):
        raise bad_sdp("two sections with one mid")
    if not media:
        return _data_alone(offer, dtls_server=dtls_server)
    audio = _take(offer, "audio", codecs)
    video = _take(offer, "video", codecs)
    taken = [one for one in (audio, video) if one is not None]
    if not taken:
        raise bad_sdp("neither audio nor video")
    if len(taken) == 2 and not all(one.section.mid in offer.bundle for one in taken):
        raise bad_sdp("audio and video must be in one BUNDLE group")
    types = [codec.payload_type for one in taken for codec in one.codecs]
    if len(set(types)) != len(types):
        raise bad_sdp("a payload type stands for two codecs")
    first = min((one.section for one in taken), key=lambda section: section.index)
    transport = _transport(first, ice_lite=offer.ice_lite, dtls_server=dtls_server)
    further = tuple(_further(offer, taken, codecs, streams)) if first.mid in offer.bundle else ()
    agreed = replace(_negotiated(audio, video), streams=tuple(map(_stream_out, further, range(len(further)))))
    return Agreement(offer, audio, video, transport, agreed, _data(offer, first), further)


def _further(
    offer: Offer, first: list[TakenSection], codecs: tuple[VideoCodec, ...], most: int
) -> Iterator[TakenSection]:
    """Sections beside the first ones in which the remote side receives. It need not send in them."""
    left = {"audio": most, "video": most}
    for section in offer.sections:
        kind = section.kind
        refused = section.port == 0 and not section.bundle_only
        if not left.get(kind) or refused or section.direction not in ("recvonly", "sendrecv"):
            continue
        usable = section.profile in _PROFILES and section.rtcp_mux and section.mid in offer.bundle
        if not usable or any(one.section is section for one in first):
            continue
        chosen = _opus(section) if kind == "audio" else _video(section, codecs)
        if chosen:
            left[kind] -= 1
            yield TakenSection(section, "sendonly", tuple(chosen), _extensions(section, ABS_SEND_TIME_URI))


def _stream_out(taken: TakenSection, index: int) -> StreamOut:
    section = taken.section
    mid = section.mid or ""
    if section.kind == "audio":
        return StreamOut(mid, index, audio_type=taken.codecs[0].payload_type)
    send_time = taken.extensions[0][0] if taken.extensions else None
    return StreamOut(mid, index, _outgoing(taken.codecs), abs_send_time_ext=send_time)


def _outgoing(codecs: Sequence[Codec]) -> dict[VideoCodec, OutgoingTypes]:
    """In our order of preference."""
    repairs = {int(codec.parameters["apt"]): codec.payload_type for codec in codecs if codec.name == "rtx"}
    return {
        "H264" if codec.name == "h264" else "VP8": OutgoingTypes(codec.payload_type, repairs.get(codec.payload_type))
        for codec in codecs
        if codec.name != "rtx"
    }


def _data_alone(offer: Offer, *, dtls_server: bool) -> Agreement:
    section = next((one for one in offer.sections if one is _data(offer, one)), None)
    if section is None:
        raise bad_sdp("no data channels")
    transport = _transport(section, ice_lite=offer.ice_lite, dtls_server=dtls_server)
    return Agreement(offer, None, None, transport, Negotiated(), section)


def _data(offer: Offer, first: Section) -> Section | None:
    """The first section of data channels on the transport of ``first``."""
    for section in offer.sections:
        refused = section.port == 0 and not section.bundle_only
        fits = section.profile in _DATA_PROFILES and section.formats == ("webrtc-datachannel",)
        bundled = section.mid in offer.bundle and first.mid in offer.bundle
        reachable = section.sctp_port is not None and 0 < section.sctp_port <= 65_535
        if section.kind == "application" and fits and bundled and reachable and not refused:
            return section
    return None


def _take(offer: Offer, kind: str, codecs: tuple[VideoCodec, ...]) -> TakenSection | None:
    """The first usable section of a kind."""
    without_codec = False
    for section in offer.sections:
        # With bundle-only, port 0 doesn't mean refused (RFC 8843, section 6).
        if section.kind != kind or (section.port == 0 and not section.bundle_only):
            continue
        if section.profile not in _PROFILES or not section.rtcp_mux:
            raise bad_sdp(f"{kind} needs DTLS-SRTP and rtcp-mux")
        chosen = _opus(section) if kind == "audio" else _video(section, codecs)
        if not chosen:
            without_codec = True
            continue
        uri = AUDIO_LEVEL_URI if kind == "audio" else ABS_SEND_TIME_URI
        return TakenSection(section, _ANSWERED[section.direction], tuple(chosen), _extensions(section, uri))
    if without_codec:
        wanted = "Opus" if kind == "audio" else " or ".join(codecs)
        raise BadRequest(f"offer {wanted} for {kind}", code="no_common_codec", field="sdp")
    return None


def _extensions(section: Section, uri: str) -> tuple[tuple[int, str], ...]:
    number = section.extensions.get(uri, 0)
    # One-byte header extensions have ids 1 to 14 (RFC 8285).
    return ((number, uri),) if 1 <= number <= 14 else ()


def _usable(section: Section) -> Iterable[Codec]:
    # Payload types 64 to 95 look like RTCP when both share a port (RFC 5761, section 4).
    return (codec for codec in section.codecs if not 64 <= codec.payload_type <= 95)


def _opus(section: Section) -> list[Codec]:
    return [c for c in _usable(section) if c.name == "opus" and c.clock_hz == AUDIO_CLOCK_HZ][:1]


def _video(section: Section, codecs: tuple[VideoCodec, ...]) -> list[Codec]:
    usable = [codec for codec in _usable(section) if codec.clock_hz == VIDEO_CLOCK_HZ]
    chosen: list[Codec] = []
    for name in codecs:
        candidates = [codec for codec in usable if codec.name == name.lower()]
        if name == "H264":
            candidates = sorted((c for c in candidates if _h264_rank(c) is not None), key=lambda c: _h264_rank(c) or 0)
        for codec in candidates[:1]:
            apt = str(codec.payload_type)
            rtx = [c for c in usable if c.name == "rtx" and c.parameters.get("apt") == apt][:1]
            chosen += [codec, *rtx]
    return chosen


def _h264_rank(codec: Codec) -> int | None:
    """How near an offered H.264 profile is to constrained baseline, which is what is sent (RFC 6184, section 8.1).

    None for what a constrained baseline stream doesn't fit, or without fragmentation (packetization-mode 1).
    """
    profile = codec.parameters.get("profile-level-id", "42000a")
    if codec.parameters.get("packetization-mode", "0") != "1" or not _PROFILE_LEVEL_ID.fullmatch(profile):
        return None
    idc, constraints = int(profile[:2], 16), int(profile[2:4], 16)
    if idc == 0x42:
        return 0 if constraints & 0x40 else 1
    return {0x4D: 2, 0x64: 3}.get(idc)


def _transport(section: Section, *, ice_lite: bool, dtls_server: bool) -> RemoteTransport:
    fingerprints = tuple(one for one in section.fingerprints if one.algorithm in FINGERPRINT_ALGORITHMS)
    if section.ice_ufrag is None or section.ice_pwd is None:
        raise bad_sdp("no ice-ufrag or ice-pwd")
    if not fingerprints:
        raise bad_sdp("no fingerprint of a known algorithm")
    if section.setup is None:
        raise bad_sdp("no setup")
    return RemoteTransport(
        ice_ufrag=section.ice_ufrag,
        ice_pwd=section.ice_pwd,
        ice_lite=ice_lite,
        fingerprints=fingerprints,
        dtls_role="server" if section.setup == "active" or (section.setup == "actpass" and dtls_server) else "client",
        candidates=section.candidates,
        mid=section.mid,
        index=section.index,
    )


def _negotiated(audio: TakenSection | None, video: TakenSection | None) -> Negotiated:
    sound = audio.codecs[0].payload_type if audio is not None else None
    level = audio.extensions[0][0] if audio is not None and audio.extensions else None
    pictures: dict[int, VideoCodec] = {}
    repairs: dict[int, int] = {}
    for codec in video.codecs if video is not None else ():
        if codec.name == "rtx":
            repairs[codec.payload_type] = int(codec.parameters["apt"])
        else:
            pictures[codec.payload_type] = "H264" if codec.name == "h264" else "VP8"
    out = next(iter(pictures), None) if video is not None and video.sends else None
    send_time = video.extensions[0][0] if video is not None and video.extensions else None
    hears = audio is not None and audio.receives
    sees = video is not None and video.receives
    listens = audio is not None and audio.sends
    return Negotiated(
        video_in=pictures if sees else {},
        video_in_rtx=repairs if sees else {},
        audio_in=sound if hears else None,
        audio_level_in_ext=level if hears else None,
        video_out=out,
        video_out_codec=pictures[out] if out is not None else None,
        video_out_rtx=next((rtx for rtx, base in repairs.items() if base == out), None) if out is not None else None,
        abs_send_time_out_ext=send_time if out is not None else None,
        audio_out=sound if listens else None,
        audio_out_form=sound_form(audio) if audio is not None and listens else PLAIN_SOUND,
        audio_out_dtx=audio is not None and listens and audio.codecs[0].parameters.get("usedtx") == "1",
        video_out_codecs=_outgoing(video.codecs) if video is not None and out is not None else {},
        video_mid=video.section.mid if video is not None and video.sends else None,
        audio_mid=audio.section.mid if audio is not None and listens else None,
    )

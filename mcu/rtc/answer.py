"""The answer to an offer, as text (RFC 8829, section 5.3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mcu.rtc.agreement import MAX_DATA_BYTES, SCTP_PORT, Agreement, TakenSection, sound_form
from mcu.rtc.listener import OutgoingIdentity
from mcu.rtc.sdp import Codec, Fingerprint, Section

FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb")
OPUS_PARAMETERS = "minptime=10;useinbandfec=1;usedtx=1"


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """How we are reached and recognised. ``candidates`` are the values of ``a=candidate``, all of them."""

    ice_ufrag: str
    ice_pwd: str
    fingerprint: Fingerprint
    candidates: tuple[str, ...]


def write_answer(agreement: Agreement, local: LocalTransport, identity: OutgoingIdentity, session_id: int) -> str:
    """One section for each of the offer's, in its order. What is sent is one MediaStream, named by the cname."""
    lines = ["v=0", f"o=- {session_id} 2 IN IP4 0.0.0.0", "s=-", "t=0 0"]
    taken = [one for section in agreement.offer.sections if (one := agreement.taken(section)) is not None]
    sections = [*(one.section for one in taken), *([agreement.data] if agreement.data is not None else [])]
    mids = [mid for section in sections if (mid := section.mid) is not None and mid in agreement.offer.bundle]
    if mids:
        lines.append(f"a=group:BUNDLE {' '.join(mids)}")
    lines.append("a=msid-semantic: WMS *")
    for section in agreement.offer.sections:
        one = agreement.taken(section)
        if one is not None:
            place = next((at for at, stream in enumerate(agreement.streams) if stream is one), None)
            lines += _taken(one, identity, place)
        else:
            lines += _data(section) if section is agreement.data else _refused(section, agreement)
        # Some clients read the transport of a bundle from its last section, others from its first: it is in all.
        lines += _transport(local, agreement.transport.dtls_role)
    return "\r\n".join(lines) + "\r\n"


def _taken(one: TakenSection, identity: OutgoingIdentity, place: int | None) -> Iterator[str]:
    kind = one.section.kind
    yield f"m={kind} 9 {one.section.profile} {_formats(one.codecs)}"
    yield "c=IN IP4 0.0.0.0"
    yield f"a={one.direction}"
    if one.section.mid is not None:
        yield f"a=mid:{one.section.mid}"
    yield "a=rtcp:9 IN IP4 0.0.0.0"
    yield "a=rtcp-mux"
    yield "a=rtcp-rsize"
    for number, uri in one.extensions:
        yield f"a=extmap:{number} {uri}"
    for codec in one.codecs:
        yield from _codec(kind, codec)
    if kind == "audio" and sound_form(one).packet_ms > 20:
        # Who wants few packets may send few as well.
        yield f"a=ptime:{sound_form(one).packet_ms}"
    if one.sends:
        yield from _sources(kind, one.codecs, identity, place)


def _sources(kind: str, codecs: Sequence[Codec], identity: OutgoingIdentity, place: int | None) -> Iterator[str]:
    """``place`` None: what the room itself says; otherwise the section of a participant's own stream."""
    if place is None:
        msid = f"{identity.cname} {kind}"
        ssrc, repair = identity.video_ssrc if kind == "video" else identity.audio_ssrc, identity.video_rtx_ssrc
    else:
        msid, stream = f"{identity.cname}-{place} {kind}-{place}", identity.stream(place)
        ssrc, repair = stream.ssrc, stream.rtx_ssrc
    yield f"a=msid:{msid}"
    ssrcs = [ssrc]
    if kind == "video" and any(codec.name == "rtx" for codec in codecs):
        ssrcs.append(repair)
        yield f"a=ssrc-group:FID {ssrcs[0]} {ssrcs[1]}"
    for ssrc in ssrcs:
        yield f"a=ssrc:{ssrc} cname:{identity.cname}"
        yield f"a=ssrc:{ssrc} msid:{msid}"


def _codec(kind: str, codec: Codec) -> Iterator[str]:
    number = codec.payload_type
    if kind == "audio":
        yield f"a=rtpmap:{number} opus/48000/2"
        stereo = ";sprop-stereo=1" if codec.parameters.get("stereo") == "1" else ""
        yield f"a=fmtp:{number} {OPUS_PARAMETERS}{stereo}"
        return
    yield f"a=rtpmap:{number} {codec.name if codec.name == 'rtx' else codec.name.upper()}/{codec.clock_hz}"
    if codec.name == "rtx":
        yield f"a=fmtp:{number} apt={codec.parameters['apt']}"
        return
    for feedback in FEEDBACK:
        if feedback in codec.feedback:
            yield f"a=rtcp-fb:{number} {feedback}"
    if codec.name == "h264":
        profile = codec.parameters.get("profile-level-id", "42000a")
        yield f"a=fmtp:{number} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}"


def _data(section: Section) -> Iterator[str]:
    yield f"m=application 9 {section.profile} webrtc-datachannel"
    yield "c=IN IP4 0.0.0.0"
    yield f"a=mid:{section.mid}"
    yield f"a=sctp-port:{SCTP_PORT}"
    yield f"a=max-message-size:{MAX_DATA_BYTES}"


def _refused(section: Section, agreement: Agreement) -> Iterator[str]:
    """Port 0. Browsers look no further; others want to find a codec of theirs even here."""
    same = {"audio": agreement.audio, "video": agreement.video}.get(section.kind)
    known = [codec for codec in section.codecs if same is not None and codec in same.codecs]
    formats = _formats(known) if known else " ".join(f for f in section.formats[:4] if _plain(f)) or "0"
    yield f"m={section.kind} 0 {section.profile} {formats}"
    yield "c=IN IP4 0.0.0.0"
    if section.mid is not None:
        yield f"a=mid:{section.mid}"
    if section.kind == "application":
        yield "a=sctp-port:5000"
        yield "a=max-message-size:65536"
        return
    yield "a=inactive"
    yield "a=rtcp-mux"
    for codec in known:
        yield from _codec(section.kind, codec)


def _transport(local: LocalTransport, dtls_role: str) -> Iterator[str]:
    yield from (f"a=candidate:{candidate}" for candidate in local.candidates)
    yield "a=end-of-candidates"
    yield f"a=ice-ufrag:{local.ice_ufrag}"
    yield f"a=ice-pwd:{local.ice_pwd}"
    yield "a=ice-options:trickle"
    yield f"a=fingerprint:{local.fingerprint.algorithm} {local.fingerprint.value}"
    yield f"a=setup:{'active' if dtls_role == 'client' else 'passive'}"


def _formats(codecs: Sequence[Codec]) -> str:
    return " ".join(str(codec.payload_type) for codec in codecs)


def _plain(text: str) -> bool:
    return text.isascii() and text.replace("-", "").isalnum() and len(text) <= 32

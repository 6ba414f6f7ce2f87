"""Offers from anybody: what is taken, what is refused, and that nothing else can happen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu.errors import BadRequest
from mcu.frames import SoundForm, VideoCodec
from mcu.rtc import sdp
from mcu.rtc.agreement import Agreement
from mcu.rtc.answer import LocalTransport, write_answer
from mcu.rtc.listener import OutgoingIdentity
from mcu.rtc.negotiation import negotiate
from mcu.rtc.sdp import Fingerprint, parse_offer
from tests.mcu.rtc.offers import APPLICATION, AUDIO, CHROMIUM, SESSION, VIDEO

BOTH: tuple[VideoCodec, ...] = ("H264", "VP8")
IDENTITY = OutgoingIdentity(video_ssrc=1001, video_rtx_ssrc=1002, audio_ssrc=1003, cname="room")
LOCAL = LocalTransport(
    "abcd", "p" * 22, Fingerprint("sha-256", "CD:" * 31 + "CD"), ("1 1 udp 1 192.0.2.9 5000 typ host",)
)


def agree(offer: str, codecs: tuple[VideoCodec, ...] = BOTH) -> Agreement:
    return negotiate(parse_offer(offer), codecs)


def answer(offer: str) -> str:
    return write_answer(agree(offer), LOCAL, IDENTITY, 7)


def section(text: str, kind: str) -> str:
    """The part of an answer that begins with the first m-line of a kind."""
    after = text[text.index(f"m={kind} ") :]
    end = after.find("\r\nm=")
    return after if end < 0 else after[: end + 2]


def refused(offer: str) -> str:
    with pytest.raises(BadRequest) as caught:
        agree(offer)
    return caught.value.error_code


class TestNegotiation:
    def test_chromium_gets_h264_to_watch_and_may_send_both(self) -> None:
        agreed = agree(CHROMIUM).negotiated
        assert agreed.video_in == {109: "H264", 96: "VP8"}
        assert agreed.video_in_rtx == {114: 109, 97: 96}
        assert (agreed.video_out, agreed.video_out_codec, agreed.video_out_rtx) == (109, "H264", 114)
        assert (agreed.audio_in, agreed.audio_out) == (111, 111)
        assert (agreed.audio_level_in_ext, agreed.abs_send_time_out_ext) == (1, 2)

    @pytest.mark.parametrize(
        ("lines", "packet_ms"),
        [
            ("", 20),
            ("a=ptime:10", 20),
            ("a=ptime:20", 20),
            ("a=ptime:40", 40),
            ("a=ptime:50", 40),
            ("a=ptime:60.5", 60),
            ("a=ptime:120", 60),
            ("a=ptime:60\r\na=maxptime:40", 40),
            ("a=maxptime:60", 20),
            ("a=ptime:-40", 20),
            ("a=ptime:99999", 20),
            ("a=ptime:٤٠", 20),
            ("a=ptime:", 20),
        ],
    )
    def test_a_listener_may_ask_for_fewer_packets(self, lines: str, packet_ms: int) -> None:
        offer = CHROMIUM.replace("a=rtpmap:111", f"{lines}\r\na=rtpmap:111" if lines else "a=rtpmap:111")
        assert agree(offer).negotiated.audio_out_form.packet_ms == packet_ms
        assert (f"a=ptime:{packet_ms}" in section(answer(offer), "audio")) == (packet_ms > 20)

    def test_silence_is_left_out_and_two_channels_are_sent_where_that_is_wished(self) -> None:
        plain = agree(CHROMIUM).negotiated
        assert (plain.audio_out_form, plain.audio_out_dtx) == (SoundForm(20, 1), False)
        offer = CHROMIUM.replace("useinbandfec=1", "useinbandfec=1;usedtx=1;stereo=1")
        agreed = agree(offer).negotiated
        assert (agreed.audio_out_form, agreed.audio_out_dtx) == (SoundForm(20, 2), True)
        assert "sprop-stereo=1" in section(answer(offer), "audio")
        assert "stereo" not in section(answer(CHROMIUM), "audio")
        silent = agree(offer.replace("a=sendrecv", "a=sendonly")).negotiated
        assert (silent.audio_out_form, silent.audio_out_dtx) == (SoundForm(20, 1), False)

    def test_the_order_of_codecs_is_a_setting(self) -> None:
        agreed = agree(CHROMIUM, ("VP8", "H264")).negotiated
        assert (agreed.video_out, agreed.video_out_codec, agreed.video_out_rtx) == (96, "VP8", 97)
        assert agree(CHROMIUM, ("VP8",)).negotiated.video_in == {96: "VP8"}

    def test_a_viewer_receives_and_sends_nothing(self) -> None:
        agreed = agree(CHROMIUM.replace("a=sendrecv", "a=recvonly")).negotiated
        assert (agreed.video_in, agreed.video_in_rtx, agreed.audio_in, agreed.audio_level_in_ext) == (
            {},
            {},
            None,
            None,
        )
        assert (agreed.video_out, agreed.audio_out) == (109, 111)

    def test_a_publisher_sends_and_receives_nothing(self) -> None:
        agreed = agree(CHROMIUM.replace("a=sendrecv", "a=sendonly")).negotiated
        assert (agreed.video_out, agreed.video_out_codec, agreed.video_out_rtx, agreed.audio_out) == (None,) * 4
        assert agreed.abs_send_time_out_ext is None
        assert agreed.video_in == {109: "H264", 96: "VP8"}
        assert agreed.audio_in == 111

    @pytest.mark.parametrize(("offer", "audio", "video"), [(SESSION + AUDIO, 111, None), (SESSION + VIDEO, None, 109)])
    def test_one_kind_is_enough(self, offer: str, audio: int | None, video: int | None) -> None:
        agreed = agree(offer).negotiated
        assert (agreed.audio_out, agreed.video_out) == (audio, video)

    @pytest.mark.parametrize("codec", ["VP9", "AV1", "H265"])
    def test_codecs_unknown_here_are_told_apart(self, codec: str) -> None:
        offer = CHROMIUM.replace("VP8/", f"{codec}/").replace("H264/", f"{codec}/")
        assert refused(offer) == "no_common_codec"

    def test_audio_without_opus(self) -> None:
        assert refused(CHROMIUM.replace("opus/", "speex/")) == "no_common_codec"

    def test_h264_without_fragmentation_is_left_to_vp8(self) -> None:
        agreed = agree(CHROMIUM.replace("packetization-mode=1", "packetization-mode=0")).negotiated
        assert agreed.video_in == {96: "VP8"}

    def test_baseline_serves_where_constrained_baseline_is_not_offered(self) -> None:
        agreed = agree(CHROMIUM.replace("42e01f", "f4001f")).negotiated
        assert agreed.video_in == {103: "H264", 96: "VP8"}

    @pytest.mark.parametrize(
        "offer",
        [
            SESSION + APPLICATION,
            CHROMIUM.replace("m=audio 9", "m=audio 0").replace("m=video 9", "m=video 0"),
            CHROMIUM.replace("a=rtcp-mux", "a=x"),
            CHROMIUM.replace("a=setup:actpass\n", ""),
            CHROMIUM.replace("a=ice-ufrag:u7Kq\n", ""),
            CHROMIUM.replace("a=ice-pwd:yVvK3y2zPq0Jq1m0gQ7rT2aB\n", ""),
            CHROMIUM.replace("sha-256", "sha-1"),
            CHROMIUM.replace("a=group:BUNDLE 0 1\n", ""),
            CHROMIUM.replace("a=mid:1", "a=mid:0"),
            CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
            CHROMIUM.replace(" 109 ", " 111 ").replace(":109 ", ":111 "),
        ],
        ids=[
            "data only", "all refused", "no rtcp-mux", "no setup", "no ufrag", "no pwd", "weak fingerprint",
            "not bundled", "one mid twice", "no SRTP", "one payload type twice",
        ],
    )  # fmt: skip
    def test_what_cannot_be_carried(self, offer: str) -> None:
        assert refused(offer) == "bad_sdp"

    def test_payload_types_that_look_like_rtcp_are_not_taken(self) -> None:
        agreed = agree(
            CHROMIUM.replace("97 103", "97 72").replace(":96 ", ":72 ").replace("PF 96 ", "PF 72 ")
        ).negotiated
        assert 72 not in agreed.video_in

    @pytest.mark.parametrize(("setup", "role"), [("actpass", "server"), ("passive", "client"), ("active", "server")])
    def test_dtls_roles_fit_each_other(self, setup: str, role: str) -> None:
        assert agree(CHROMIUM.replace("setup:actpass", f"setup:{setup}")).transport.dtls_role == role

    def test_the_dtls_role_is_a_setting_where_it_is_open(self) -> None:
        assert negotiate(parse_offer(CHROMIUM), BOTH, dtls_server=False).transport.dtls_role == "client"


class TestAnswer:
    def test_opus_has_fec_and_dtx(self) -> None:
        assert "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n" in section(answer(CHROMIUM), "audio")

    def test_h264_comes_first_and_rtx_stays(self) -> None:
        video = section(answer(CHROMIUM), "video")
        assert video.startswith("m=video 9 UDP/TLS/RTP/SAVPF 109 114 96 97\r\n")
        assert "a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" in video
        assert "a=fmtp:114 apt=109\r\n" in video

    def test_only_feedback_that_is_served_here(self) -> None:
        text = answer(CHROMIUM)
        assert "a=rtcp-fb:96 nack pli\r\n" in text
        assert "a=rtcp-fb:96 goog-remb\r\n" in text
        assert "transport-cc" not in text

    def test_rotation_is_left_to_the_sender(self) -> None:
        assert "video-orientation" not in answer(CHROMIUM)

    def test_the_room_speaks_with_one_voice_in_one_stream(self) -> None:
        text = answer(CHROMIUM)
        assert "a=ssrc-group:FID 1001 1002\r\n" in section(text, "video")
        assert "a=ssrc:1001 cname:room\r\n" in section(text, "video")
        assert "a=ssrc:1003 cname:room\r\n" in section(text, "audio")
        assert [line.split()[0] for line in text.split("\r\n") if line.startswith("a=msid:")] == ["a=msid:room"] * 2

    def test_nothing_is_promised_to_a_publisher(self) -> None:
        text = answer(CHROMIUM.replace("a=sendrecv", "a=sendonly"))
        assert "a=recvonly" in text
        assert "a=ssrc" not in text
        assert "a=msid:" not in text

    def test_second_cameras_are_refused_in_place(self) -> None:
        second = VIDEO.replace("a=mid:1", "a=mid:3")
        text = answer((SESSION + APPLICATION + AUDIO + VIDEO + second).replace("BUNDLE 0 1", "BUNDLE 2 0 1 3"))
        lines = [line for line in text.split("\r\n") if line.startswith("m=")]
        assert [line.split()[0] + " " + line.split()[1] for line in lines] == [
            "m=application 9", "m=audio 9", "m=video 9", "m=video 0",
        ]  # fmt: skip
        assert "a=group:BUNDLE 0 1 2\r\n" in text

    @pytest.mark.parametrize(
        ("line", "instead"),
        [
            ("a=sctp-port:5000\n", ""),
            ("sctp-port:5000", "sctp-port:0"),
            ("UDP/DTLS/SCTP", "UDP/TLS"),
            ("mid:2", "mid:7"),
        ],
    )
    def test_data_channels_that_cannot_be_are_refused(self, line: str, instead: str) -> None:
        data = APPLICATION.replace(line, instead)
        text = answer((SESSION + AUDIO + VIDEO + data).replace("BUNDLE 0 1", "BUNDLE 0 1 2"))
        assert "m=application 0 " in text
        assert "a=group:BUNDLE 0 1\r\n" in text

    def test_all_candidates_and_the_certificate_are_in_it(self) -> None:
        for kind in ("audio", "video"):
            part = section(answer(CHROMIUM), kind)
            assert "a=candidate:1 1 udp 1 192.0.2.9 5000 typ host\r\n" in part
            assert "a=fingerprint:sha-256 CD:" in part
            assert "a=setup:passive\r\n" in part

    def test_both_kinds_of_line_ends(self) -> None:
        assert answer(CHROMIUM.replace("\n", "\r\n")) == answer(CHROMIUM)


class TestBounds:
    @pytest.mark.parametrize(
        "offer",
        [
            "",
            "v=1\n",
            "hello",
            CHROMIUM + "a=x\n" * sdp.MAX_OFFER_BYTES,
            CHROMIUM.replace("s=-", "s=" + "é" * (sdp.MAX_OFFER_BYTES // 2)),
            CHROMIUM + "\0",
            CHROMIUM.replace("s=-", "s=" + "-" * (sdp.MAX_LINE_CHARS + 1)),
            SESSION + AUDIO + APPLICATION * sdp.MAX_SECTIONS,
            CHROMIUM + "".join(f"a=rtpmap:{number} a/1\n" for number in range(128)),
            CHROMIUM.replace("a=mid:1", "a=mid:" + "1" * 65),
            CHROMIUM.replace("a=mid:1", "a=mid:1\u2028a=x"),
            CHROMIUM.replace("111 opus", "\u0661\u0661\u0661 opus"),
            CHROMIUM.replace("111 opus", "300 opus"),
            CHROMIUM.replace("AB:AB", "XY:AB"),
            CHROMIUM.replace("a=setup:actpass", "a=setup:holdconn"),
            CHROMIUM.replace("m=audio 9 ", "m=audio nine "),
        ],
    )
    def test_beyond_them_is_a_bad_request(self, offer: str) -> None:
        assert refused(offer) == "bad_sdp"

    def test_candidates_beyond_the_bound_are_not_kept(self) -> None:
        flood = "".join(f"a=candidate:{n} 1 udp 1 192.0.2.1 {n} typ host\n" for n in range(1, 301))
        kept = agree(SESSION + AUDIO + flood + VIDEO).transport.candidates
        assert len(kept) == sdp.MAX_CANDIDATE_LINES

    def test_an_extension_id_that_needs_two_bytes_is_not_taken(self) -> None:
        assert agree(CHROMIUM.replace("extmap:1 ", "extmap:15 ")).negotiated.audio_level_in_ext is None

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_any_damage_ends_in_an_answer_or_a_bad_request(self, data: st.DataObject) -> None:
        lines = CHROMIUM.split("\n")
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(0, len(lines) - 1))
            match data.draw(st.sampled_from(["drop", "twice", "text", "cut", "swap"])):
                case "drop":
                    lines[at] = ""
                case "twice":
                    lines.insert(at, lines[at])
                case "text":
                    lines[at] = lines[at][:2] + data.draw(st.text(max_size=40))
                case "cut":
                    lines[at] = lines[at][: data.draw(st.integers(0, 30))]
                case _:
                    other = data.draw(st.integers(0, len(lines) - 1))
                    lines[at], lines[other] = lines[other], lines[at]
        try:
            text = answer("\n".join(lines))
        except BadRequest:
            return
        assert text.isascii()

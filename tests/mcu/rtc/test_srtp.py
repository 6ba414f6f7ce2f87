"""What libsrtp is trusted with: each profile both ways, forgeries, repeats, roll-overs, and being closed."""

import pytest

from mcu.rtc import rtcp, rtp
from mcu.rtc.srtp import (
    MAX_DATAGRAM,
    MIN_REPLAY_WINDOW,
    Mould,
    PacketBuffer,
    Protector,
    SrtpKeys,
    SrtpProfileName,
    Unprotector,
)
from tests.mcu.rtc.packets import PROFILES, make_keys


def plain_packet(sequence: int, payload: bytes = b"sound") -> bytes:
    return rtp.header(111, False, sequence, 960 * sequence, 0xABCD) + payload


@pytest.mark.parametrize("profile", PROFILES)
def test_what_one_end_protects_the_other_opens(profile: SrtpProfileName) -> None:
    ours, theirs = make_keys(profile)
    protector, unprotector = Protector(ours), Unprotector(theirs)
    packet = plain_packet(7)
    protected = protector.protect(packet)
    assert protected is not None
    assert len(protected) == len(packet) + ours.tag_length
    assert packet[12:] not in protected
    assert bytes(unprotector.unprotect(protected) or b"") == packet
    report = rtcp.receiver_report(0xABCD)
    protected_report = protector.protect_rtcp(report)
    assert protected_report is not None
    assert bytes(unprotector.unprotect_rtcp(protected_report) or b"") == report


class Train:
    """Five packets, the last of them shorter, poured for one viewer after the other."""

    def __init__(self, tag_length: int) -> None:
        self.packets = [plain_packet(number, bytes([number]) * 50) for number in range(4)] + [plain_packet(4, b"end")]
        self.stride = len(self.packets[0]) + tag_length
        plain = bytes(tag_length).join(self.packets)
        self.buffer = PacketBuffer(10 * self.stride)
        lengths = [len(packet) for packet in self.packets]
        self.mould = Mould(self.buffer, plain, self.stride, lengths, len(plain) + tag_length)

    def opened(self, unprotector: Unprotector) -> list[bytes]:
        """What the other end reads of the datagrams that would be sent now."""
        datagrams = [
            bytes(self.mould.datagrams[at : at + self.stride]) for at in range(0, 5 * self.stride, self.stride)
        ]
        return [bytes(unprotector.unprotect(datagram) or b"") for datagram in datagrams]


@pytest.mark.parametrize("profile", PROFILES)
def test_train_is_protected_in_place_for_one_viewer_after_the_other(profile: SrtpProfileName) -> None:
    for ours, theirs in (make_keys(profile), make_keys(profile)):
        train = Train(ours.tag_length)
        for _ in range(2):
            train.mould.pour()
            assert Protector(ours).protect_poured(train.mould)
            assert train.opened(Unprotector(theirs)) == train.packets


def test_poured_packets_are_given_other_numbers_and_another_time() -> None:
    ours, theirs = make_keys()
    train = Train(ours.tag_length)
    train.mould.pour()
    assert train.mould.renumber(0x1_FFFE, 77) == 0x2_0003
    assert Protector(ours).protect_poured(train.mould)
    opened = train.opened(Unprotector(theirs))
    headers = [rtp.parse(packet) for packet in opened]
    assert [header and (header.sequence_number, header.timestamp) for header in headers] == [
        (0xFFFE, 77), (0xFFFF, 77), (0, 77), (1, 77), (2, 77)
    ]  # fmt: skip
    assert [packet[12:] for packet in opened] == [packet[12:] for packet in train.packets]


def test_one_packet_gets_a_number_of_its_own_for_each_listener() -> None:
    ours, theirs = make_keys()
    buffer = PacketBuffer(MAX_DATAGRAM)
    size = Protector(ours).protect_numbered(buffer, plain_packet(0), 0xABCD)
    opened = Unprotector(theirs).unprotect(bytes(buffer.view[:size]))
    assert bytes(opened or b"") == plain_packet(0)[:2] + b"\xab\xcd" + plain_packet(0)[4:]


def test_forged_replayed_and_foreign_datagrams_are_refused_and_counted() -> None:
    ours, theirs = make_keys()
    unprotector = Unprotector(theirs)
    protected = Protector(ours).protect(plain_packet(1))
    assert protected is not None
    forged = protected[:20] + bytes([protected[20] ^ 1]) + protected[21:]
    assert unprotector.unprotect(forged) is None
    assert unprotector.unprotect(protected) is not None
    assert unprotector.unprotect(protected) is None
    assert unprotector.unprotect(plain_packet(2)) is None
    assert unprotector.unprotect(b"") is None
    assert unprotector.unprotect_rtcp(b"\x80\xc9\0\1") is None
    assert unprotector.unprotect(bytes(MAX_DATAGRAM + 1)) is None
    assert unprotector.failures == 6


@pytest.mark.parametrize("profile", PROFILES)
def test_sending_the_same_packet_again_gives_the_same_datagram(profile: SrtpProfileName) -> None:
    protector = Protector(make_keys(profile)[0], repeats=True)
    first = protector.protect(plain_packet(1))
    protector.protect(plain_packet(1000))
    assert first is not None
    assert protector.protect(plain_packet(1)) == first


def test_who_repeats_nothing_has_a_short_memory() -> None:
    """Which is what makes it cheap."""
    protector = Protector(make_keys()[0])
    assert protector.protect(plain_packet(1)) is not None
    assert protector.protect(plain_packet(1 + MIN_REPLAY_WINDOW)) is not None
    assert protector.protect(plain_packet(1)) is None


def test_packets_up_to_the_replay_window_late_are_taken() -> None:
    ours, theirs = make_keys()
    protector, unprotector = Protector(ours), Unprotector(theirs)
    datagrams = [protector.protect(plain_packet(number)) for number in range(1001)]
    late, newest = datagrams[0], datagrams[1000]
    assert late is not None
    assert newest is not None
    assert unprotector.unprotect(newest) is not None
    assert unprotector.unprotect(late) is not None


def test_receiver_that_missed_the_first_roll_over_cannot_follow() -> None:
    """Why a viewer's sequence begins in the lower half: this is what it must never meet."""
    ours, theirs = make_keys()
    protector, unprotector = Protector(ours), Unprotector(theirs)
    datagrams = [protector.protect(plain_packet(65_530 + number & 0xFFFF)) for number in range(10)]
    after_wrap = datagrams[8]
    assert after_wrap is not None
    assert unprotector.unprotect(after_wrap) is None


def test_closed_sessions_refuse_quietly() -> None:
    ours, theirs = make_keys()
    protector, unprotector, buffer = Protector(ours), Unprotector(theirs), PacketBuffer(MAX_DATAGRAM)
    protected = protector.protect(plain_packet(1))
    assert protected is not None
    for session in (protector, unprotector, protector, unprotector):
        session.close()
    assert protector.protect(plain_packet(2)) is None
    assert protector.protect_rtcp(rtcp.receiver_report(1)) is None
    assert protector.protect_numbered(buffer, plain_packet(2), 2) == 0
    assert not protector.protect_poured(Mould(buffer, plain_packet(2), 100, [50], 60))
    assert unprotector.unprotect(protected) is None


def test_packet_longer_than_the_buffer_is_refused() -> None:
    assert Protector(make_keys()[0]).protect_numbered(PacketBuffer(100), plain_packet(1, bytes(100)), 1) == 0


def test_keys_are_measured_and_never_shown() -> None:
    with pytest.raises(ValueError, match="30 bytes"):
        SrtpKeys("AES_CM_128_HMAC_SHA1_80", bytes(30), bytes(29))
    assert "secret" not in repr(SrtpKeys("AEAD_AES_128_GCM", b"secret" + bytes(22), b"secret" + bytes(22)))

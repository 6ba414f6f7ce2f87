"""The seam to aiortc and aioice: checked at start-up, and never at the cost of stock aiortc beside it."""

import datetime
import secrets

import aioice
import pytest
from aiortc import RTCCertificate, RTCDtlsTransport, RTCSessionDescription
from aiortc.rtcdtlstransport import SRTP_AES128_CM_SHA1_80
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL

from mcu.clock import NS_PER_S
from mcu.errors import Internal
from mcu.rtc.binding import Certificate, IceAgent, IceOptions, IcePath, self_check
from mcu.rtc.binding.agent import MAX_DTLS_WAITING
from mcu.rtc.certificate import RENEWAL_S, CertificateHolder
from tests.kit import rtc


def test_the_installed_versions_fit() -> None:
    self_check()


@pytest.mark.parametrize("name", ["check_incoming", "query_consent", "get_component_candidates"])
def test_a_renamed_method_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delattr(aioice.Connection, name)
    with pytest.raises(Internal, match=f"aioice 0.*Connection.{name}"):
        self_check()


def test_a_changed_signature_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RTCDtlsTransport, "_set_role", lambda self: None)
    with pytest.raises(Internal, match="_set_role"):
        self_check()


async def test_a_ticker_does_not_start_on_a_version_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(aioice.Connection, "check_state")
    with pytest.raises(Internal):
        async with rtc.running_ticker():
            pass


def test_one_certificate_for_the_process_until_it_is_a_week_old() -> None:
    holder = CertificateHolder()
    first = holder.current(0)
    assert holder.current((RENEWAL_S - 1) * NS_PER_S) is first
    second = holder.current(RENEWAL_S * NS_PER_S)
    assert second is not first
    assert second.fingerprint.value != first.fingerprint.value


async def test_stock_aiortc_keeps_its_own_ways() -> None:
    async with rtc.running_peer() as (peer, listener):
        one, other = rtc.new_client(), rtc.new_client()
        assert one.dtls.getLocalParameters() != other.dtls.getLocalParameters()
        await other.close()
        await one.close()
        client = await rtc.connect(peer, listener)
        assert type(client.ice) is aioice.Connection
        assert type(client.dtls) is RTCDtlsTransport
        await client.close()


class RsaCertificate(RTCCertificate):
    """What GStreamer 1.22 brings: an RSA key, and suites that go with it."""

    def _create_ssl_context(self, srtp_profiles: list) -> SSL.Context:  # type: ignore[type-arg]  # private in aiortc
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256")
        return context


def rsa_certificate() -> RsaCertificate:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    day = datetime.timedelta(days=1)
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    return RsaCertificate(key, builder.sign(key, hashes.SHA256()))  # type: ignore[arg-type]  # aiortc makes EC only


async def test_a_client_with_an_rsa_certificate_connects() -> None:
    async with rtc.running_peer() as (peer, listener):
        client = rtc.new_client()
        client.dtls._RTCDtlsTransport__local_certificate = rsa_certificate()
        offer = await rtc.make_offer(client)
        client.answer = await peer.answer(offer.replace("a=setup:actpass", "a=setup:passive"))
        await client.pc.setRemoteDescription(RTCSessionDescription(client.answer, "answer"))
        await listener.until_state("connected")
        await client.close()


async def test_dtls_that_nobody_reads_is_bounded() -> None:
    options = IceOptions(("127.0.0.1",), None, consent_interval_s=5.0, consent_failures=3)
    agent = IceAgent(options, controlling=False, on_media=print, on_lost=print)
    for _ in range(MAX_DTLS_WAITING + 10):
        agent.dtls.put(b"x")
    assert agent.counts.overflow == 10
    await agent.close()


def test_the_context_is_made_once() -> None:
    certificate = Certificate.generateCertificate()
    profiles = [SRTP_AES128_CM_SHA1_80]
    assert certificate._create_ssl_context(profiles) is certificate._create_ssl_context(profiles)


def test_a_path_is_another_when_its_address_is() -> None:
    protocol = object()
    assert IcePath(protocol, ("192.0.2.1", 1)) != IcePath(protocol, ("192.0.2.1", 2))  # type: ignore[arg-type]  # any identity will do

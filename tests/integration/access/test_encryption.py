"""Connections are encrypted with TLS 1.3, and nobody can be talked out of it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cli.access.certificates import CA_FILE, create_ca, issue, sign_request
from cli.access.enforce import push_account
from cli.local.broker import Broker
from tests.integration.access.conftest import streaming
from tests.testing.secured import Secured, start_secured
from wire.bus import Link
from wire.bus.survey import survey_server
from wire.context import Context
from wire.errors import BadRequestError, BusError, NotAuthorisedError
from wire.identity import write_private
from wire.permissions import Role

WAIT_S = 30.0


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[Secured]:
    with start_secured(tmp_path, encrypted=True) as secured:
        yield secured


async def untrusted(context: Context) -> str:
    with pytest.raises(BusError, match="cannot be trusted") as caught:
        await Link.open(context, name="careful")
    assert "renew it" in caught.value.remedy if "expired" in caught.value.message else "`ca`" in caught.value.remedy
    return caught.value.message


async def test_frames_flow_encrypted(encrypted: Secured) -> None:
    async with streaming(encrypted):
        link = await Link.open(encrypted.let_in("ann", Role.OPERATOR), name="ann")
        try:
            assert encrypted.broker.context.url.startswith("tls://")
            assert (await survey_server(link)).encrypted
        finally:
            await link.close()


async def test_a_server_that_another_authority_vouches_for_is_not_trusted(encrypted: Secured, tmp_path: Path) -> None:
    context = encrypted.let_in("ann", Role.VIEWER)
    other = create_ca(tmp_path, "other")
    async with streaming(encrypted):
        assert "certificate verify failed" in await untrusted(msgspec.structs.replace(context, ca=str(other)))
        assert "certificate verify failed" in await untrusted(msgspec.structs.replace(context, ca=""))


@pytest.mark.parametrize(
    ("hosts", "days", "fault"),
    [(("127.0.0.1",), 0, "expired"), (("10.9.8.7", "hub"), 30, "certificate is not valid for '127.0.0.1'")],
)
async def test_an_expired_certificate_and_one_for_another_host_are_not_trusted(
    encrypted: Secured, hosts: tuple[str, ...], days: int, fault: str
) -> None:
    certificate, key = issue(encrypted.authority.directory, hosts, days=days)
    write_private(encrypted.broker.directory / "server.pem", certificate)
    write_private(encrypted.broker.directory / "server-key.pem", key)
    encrypted.restart()
    assert fault in await untrusted(encrypted.let_in("ann", Role.VIEWER))


async def test_plain_text_is_refused_by_the_server(encrypted: Secured) -> None:
    port = urlsplit(encrypted.broker.context.url).port
    async with streaming(encrypted):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            assert b'"tls_required":true' in await asyncio.wait_for(reader.readline(), WAIT_S)
            writer.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
            assert b"PONG" not in await asyncio.wait_for(reader.read(), WAIT_S)
        finally:
            writer.close()
            await writer.wait_closed()


async def test_a_server_that_offers_no_encryption_is_refused_by_who_wants_it(tmp_path: Path) -> None:
    """Whoever sits between could say so: going on in plain text would show it everything."""
    ca = create_ca(tmp_path, "test")
    plain = Broker.start(tmp_path / "plain")
    try:
        for context in (
            msgspec.structs.replace(plain.context, ca=str(ca)),
            msgspec.structs.replace(plain.context, url=plain.context.url.replace("nats://", "tls://")),
        ):
            assert "offers no TLS" in await untrusted(context)
    finally:
        plain.stop()


async def test_nothing_older_than_tls_1_3_is_spoken(encrypted: Secured) -> None:
    tls = ssl.create_default_context(cafile=encrypted.authority.directory / CA_FILE)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    port = urlsplit(encrypted.broker.context.url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await asyncio.wait_for(reader.readline(), WAIT_S)
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
            await asyncio.wait_for(writer.start_tls(tls, server_hostname="127.0.0.1"), WAIT_S)
    finally:
        writer.close()


def test_a_server_that_keeps_its_key_is_vouched_for_by_its_request(tmp_path: Path) -> None:
    create_ca(tmp_path, "test")
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    pem = request.public_bytes(serialization.Encoding.PEM)
    certificate = x509.load_pem_x509_certificate(sign_request(tmp_path, pem, ["hub", "10.0.0.2"]).encode())
    assert certificate.public_key() == key.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hub"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.2"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate((tmp_path / CA_FILE).read_bytes()))


def test_what_is_no_request_or_has_no_host_is_refused(tmp_path: Path) -> None:
    create_ca(tmp_path, "test")
    weak = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(weak, hashes.SHA256())
    for data in (b"", b"hello", request.public_bytes(serialization.Encoding.PEM)):
        with pytest.raises(BadRequestError):
            sign_request(tmp_path, data, ["hub"])
    with pytest.raises(BadRequestError, match="at least one host"):
        issue(tmp_path, [])


def test_the_authority_s_key_is_the_operator_s_alone(tmp_path: Path) -> None:
    create_ca(tmp_path, "test")
    assert (tmp_path / "ca-key.pem").stat().st_mode & 0o777 == 0o600


async def test_a_server_takes_a_new_certificate_while_frames_flow_and_lets_nobody_back_in(encrypted: Secured) -> None:
    """Nobody is disconnected, and the file's older account does not undo a revocation that was pushed."""
    gone = encrypted.let_in("ann", Role.VIEWER)
    encrypted.authority.revoke("ann")
    await push_account(encrypted.authority)
    file = encrypted.broker.directory / "server.pem"
    before = file.read_text()
    async with streaming(encrypted, redoes=1) as stream:
        certificate, key = issue(encrypted.authority.directory, ["127.0.0.1"], days=100)
        write_private(file, certificate)
        write_private(file.with_name("server-key.pem"), key)
        os.kill(encrypted.broker.pid, signal.SIGHUP)
        async with asyncio.timeout(WAIT_S):
            while await asyncio.to_thread(read_served, encrypted) == before:
                await stream.flows_on()
        assert await asyncio.to_thread(read_served, encrypted) == certificate
        await stream.flows_on()
        with pytest.raises(NotAuthorisedError):
            await Link.open(gone, name="ann")


async def test_connections_that_end_on_either_side_are_nothing_that_asyncio_complains_of(
    encrypted: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    link = await Link.open(encrypted.let_in("ann", Role.OPERATOR), name="ann")
    try:
        back = asyncio.Event()
        link.call_on_reconnect(back.set)
        with caplog.at_level(logging.WARNING, "asyncio"):
            await asyncio.to_thread(encrypted.restart)
            await asyncio.wait_for(back.wait(), WAIT_S)
    finally:
        await link.close()
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


def read_served(encrypted: Secured) -> str:
    """Return the certificate that the server shows to who comes now, PEM."""
    port = urlsplit(encrypted.broker.context.url).port
    tls = ssl.create_default_context(cafile=encrypted.authority.directory / CA_FILE)
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as plain:
        assert plain.recv(4096).startswith(b"INFO ")
        with tls.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted_socket:
            return ssl.DER_cert_to_PEM_cert(encrypted_socket.getpeercert(binary_form=True) or b"")


async def test_a_connection_comes_back_encrypted_after_the_server_s_restart(encrypted: Secured) -> None:
    link = await Link.open(encrypted.let_in("ann", Role.OPERATOR), name="ann")
    try:
        back = asyncio.Event()
        link.call_on_reconnect(back.set)
        await asyncio.to_thread(encrypted.restart)
        await asyncio.wait_for(back.wait(), WAIT_S)
        assert (await survey_server(link)).encrypted
        assert link.ended is None
    finally:
        await link.close()

"""Whom a local cluster's broker trusts: keys of its own, made for the time it runs."""

from __future__ import annotations

from pathlib import Path

from cli.access.authority import Authority
from cli.access.server_config import Tls, render_trust
from wire.identity import write_private

CLUSTER = "local"
HOSTS = ("127.0.0.1", "localhost")


def make_trust(directory: Path, broker: Path, *, secure: bool) -> tuple[Authority, str]:
    """Make the operator's keys, and with ``secure`` a certificate; return what the broker's configuration says of it.

    Args:
        directory: where the operator's keys go.
        broker: the broker's own directory.
        secure: have connections encrypted.

    """
    authority = Authority.create(directory, cluster=CLUSTER)
    tls = _certify(authority, broker) if secure else None
    return authority, render_trust(authority, store=broker / "accounts", tls=tls)


def _certify(authority: Authority, broker: Path) -> Tls:
    from cli.access.certificates import create_ca, issue  # noqa: PLC0415 - costs a tenth of a second to import

    ca = create_ca(authority.directory, CLUSTER)
    authority.serve_at(authority.record.url, ca=str(ca))
    certificate, key = issue(authority.directory, HOSTS)
    tls = Tls(broker / "server.pem", broker / "server-key.pem", ca)
    write_private(tls.certificate, certificate)
    write_private(tls.key, key)
    return tls

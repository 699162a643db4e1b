"""The part of a nats-server's configuration that says whom it trusts. It holds no secret."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.access.authority import Authority


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths on the server's host."""

    certificate: Path
    key: Path
    ca: Path


def render_trust(authority: Authority, *, store: Path, tls: Tls | None = None) -> str:
    """Return the lines that make a server trust the operator, in nats-server's own format.

    Args:
        authority: whose claims the server is to trust.
        store: a directory of the server's, where it keeps accounts; what is newer there than here stays.
        tls: asks clients for TLS 1.3; None leaves connections in plain text.

    """
    lines = [
        f"operator: {authority.operator_claim()}",
        f"system_account: {authority.system_account}",
        "resolver {",
        "  type: full",
        f'  dir: "{store}"',
        "  allow_delete: false",
        '  interval: "2m"',
        # Whoever names an account that nobody knows is told so before a client's patience ends.
        '  timeout: "500ms"',
        "}",
        "resolver_preload {",
        f"  {authority.system_account}: {authority.system_claim()}",
        f"  {authority.account}: {authority.account_claim()}",
        "}",
    ]
    if tls is not None:
        lines += [
            "tls {",
            f'  cert_file: "{tls.certificate}"',
            f'  key_file: "{tls.key}"',
            f'  ca_file: "{tls.ca}"',
            '  min_version: "1.3"',
            "}",
        ]
    return "\n".join(lines) + "\n"

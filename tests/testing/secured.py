"""A real nats-server that knows nobody but whom its operator let in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.access.authority import Authority
from cli.access.contexts import write_context
from cli.local.broker import Broker
from cli.local.trust import make_trust
from wire.context import Context
from wire.identity import KeyPair
from wire.permissions import Role


@dataclass
class Secured:
    authority: Authority
    broker: Broker
    directory: Path
    trust: str

    def restart(self) -> None:
        """End the server and start it again as it was first configured."""
        self.broker.stop()
        port = urlsplit(self.broker.context.url).port
        monitor = urlsplit(self.broker.monitor).port
        self.broker = Broker.start(self.broker.directory, port=port, trust=self.trust, monitor_port=monitor)

    def let_in(self, name: str, role: Role) -> Context:
        """Return the context of a new user."""
        return write_context(self.authority, name, role, self.directory / f"{name}.json")


@contextmanager
def start_secured(directory: Path, *, encrypted: bool = False) -> Iterator[Secured]:
    authority, trust = make_trust(directory / "access", directory / "broker", secure=encrypted)
    broker = Broker.start(directory / "broker", trust=trust, monitor_port=-1 if encrypted else None)
    authority.serve_at(broker.context.url)
    secured = Secured(authority, broker, directory, trust)
    try:
        yield secured
    finally:
        secured.broker.stop()


def read_credentials(context: Context) -> tuple[str, KeyPair]:
    """Return the claim and the key of a context that names a credentials file."""
    lines = Path(context.creds).read_text("utf-8").splitlines()
    claim = lines[lines.index("-----BEGIN NATS USER JWT-----") + 1]
    return claim, KeyPair(lines[lines.index("-----BEGIN USER NKEY SEED-----") + 1])

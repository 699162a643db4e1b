"""A Kubernetes API server and its store on this machine's loopback interface: all that `kubectl` talks to."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.hosts.conftest import ROOT, STOP_S, wait_for

TOOLS = ROOT / ".tools/bin"
PROGRAMS = ("etcd", "kube-apiserver", "kubectl")
ASK_S = 60.0
HOST = "127.0.0.1"
# Somebody who may do everything, and somebody who is known and may do nothing.
USERS = {"admin": "system:masters", "guest": "guests"}


@dataclass(frozen=True)
class Kubernetes:
    """The API server, as those who use it reach it."""

    directory: Path

    def environment(self, user: str = "admin") -> dict[str, str]:
        """Return the environment in which kubectl finds this server, as a user."""
        path = f"{TOOLS}:{os.environ.get('PATH', os.defpath)}"
        return os.environ | {"PATH": path, "KUBECONFIG": str(self.directory / f"{user}.json")}

    def try_kubectl(self, *words: str, data: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl as somebody who may do everything."""
        command = ["kubectl", *words]
        return subprocess.run(
            command, env=self.environment(), input=data, capture_output=True, text=True, timeout=ASK_S, check=False
        )

    def kubectl(self, *words: str, data: str | None = None) -> str:
        """Run kubectl and return its output."""
        done = self.try_kubectl(*words, data=data)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def serve(directory: Path) -> Iterator[Kubernetes]:
    """Serve the API for the time of a ``with``; whatever it keeps is in the directory."""
    client, peer, secure = _find_ports(3)
    store, peers = f"http://{HOST}:{client}", f"http://{HOST}:{peer}"
    tokens = {user: secrets.token_hex() for user in USERS}
    rows = [f"{tokens[user]},{user},{user},{group}\n" for user, group in USERS.items()]
    (directory / "tokens.csv").write_text("".join(rows))
    (directory / "accounts.pem").write_bytes(_make_key())
    for user, token in tokens.items():
        config = _describe(f"https://{HOST}:{secure}", directory / "certificates/apiserver.crt", user, token)
        (directory / f"{user}.json").write_text(json.dumps(config))
    etcd = (
        "etcd", f"--data-dir={directory / 'store'}",
        f"--listen-client-urls={store}", f"--advertise-client-urls={store}", f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=default={peers}",
    )  # fmt: skip
    # It signs a certificate for itself, and kubectl holds it against that.
    server = (
        "kube-apiserver", f"--etcd-servers={store}", f"--bind-address={HOST}", f"--secure-port={secure}",
        f"--cert-dir={directory / 'certificates'}", "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/24",
        f"--token-auth-file={directory / 'tokens.csv'}", "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={directory / 'accounts.pem'}",
        f"--service-account-signing-key-file={directory / 'accounts.pem'}",
    )  # fmt: skip
    kubernetes = Kubernetes(directory)
    with ExitStack() as stack:
        processes = [stack.enter_context(_start(directory, *command)) for command in (etcd, server)]

        def is_ready() -> bool:
            for process in processes:
                assert process.poll() is None, _read_end(directory)
            return kubernetes.try_kubectl("get", "--raw", "/readyz").returncode == 0

        wait_for("the API server is ready", is_ready)
        yield kubernetes


@contextmanager
def _start(directory: Path, program: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    with (directory / f"{program}.log").open("wb") as log:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", str(TOOLS / program), *options], stdout=log, stderr=log, cwd=directory
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(STOP_S)


def _read_end(directory: Path) -> str:
    return "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(directory.glob("*.log")))


def _find_ports(count: int) -> list[int]:
    """Return ports that nobody has; neither program tells which one it would have been given."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in found]


def _make_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _describe(url: str, authority: Path, user: str, token: str) -> dict[str, object]:
    """Return kubectl's configuration for one user of one server."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": user,
        "clusters": [{"name": "here", "cluster": {"server": url, "certificate-authority": str(authority)}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": user, "context": {"cluster": "here", "user": user}}],
    }

"""Whom the operator lets in and vouches for when the playbooks ask, and whom not."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cli.access.authority import Authority
from cli.access.certificates import RENEW_DAYS, create_ca, sign_request
from tests.hosts.conftest import ROOT
from wire import certificate
from wire.identity import KeyPair, Kind
from wire.permissions import Role

SIGN = ROOT / "roles/access/files/sign.py"


class Operator:
    """The operator's directory, and what the role asks of it."""

    def __init__(self, directory: Path) -> None:
        self.access, self.context = directory / "access", directory / "nats/workshop.json"
        self.server = directory / "hub/server.pem"
        self.server.parent.mkdir()
        self._keys: dict[str, str] = {}

    def new_key(self, name: str) -> None:
        self._keys[name] = KeyPair.make(Kind.USER).public

    def run(
        self, *options: str, url: str = "tls://hub:4222", names: Sequence[str] = ("hub", "10.0.0.2")
    ) -> subprocess.CompletedProcess[str]:
        programs = [({"program": "agent", "role": "agent", "name": name}, key) for name, key in self._keys.items()]
        servers = [({"host": "hub", "names": names}, json.dumps(certificate.request(self.server)))]
        request = {"cluster": "workshop", "url": url, "tls": url.startswith("tls"), "operator": "operator",
                   "context": str(self.context), "store": "/var/lib/bramble-nats/accounts", "programs": programs,
                   "servers": servers if url.startswith("tls") else []}  # fmt: skip
        command = [sys.executable, "-P", str(SIGN), "--access", str(self.access), *options]
        return subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, cwd=ROOT, check=False)

    def sign(self, *options: str, **wanted: Any) -> dict[str, Any]:
        done = self.run(*options, **wanted)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        if signed := answer["certificates"].get("hub"):
            certificate.install(self.server, signed.encode())
        return answer


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    operator = Operator(tmp_path)
    operator.new_key("pi-1")
    return operator


def test_the_first_time_everything_is_made_and_the_second_time_nothing(operator: Operator) -> None:
    first, second = operator.sign(), operator.sign()

    assert (first["changed"], second["changed"]) == (True, False)
    assert first["contexts"] == second["contexts"]
    assert first["trust"] == second["trust"]


def test_a_check_makes_nothing_and_tells_that_it_would(operator: Operator, tmp_path: Path) -> None:
    answer = operator.sign("--check")

    assert answer == {"changed": True, "contexts": {}, "trust": "", "ca": "", "certificates": {}}
    assert [path.name for path in tmp_path.iterdir()] == ["hub"]


def test_a_node_is_given_its_claim_and_where_systemd_shows_its_key(operator: Operator) -> None:
    context = operator.sign()["contexts"]["pi-1"]

    assert context["url"] == "tls://hub:4222"
    assert context["ca"] == "/run/credentials/bramble-agent.service/ca.pem"
    assert context["nkey"] == "/run/credentials/bramble-agent.service/agent.nk"
    assert context["inbox_prefix"] == "_INBOX_pi-1"
    assert context["user_jwt"].count(".") == 2


def test_nothing_secret_is_in_the_answer_and_only_the_operator_reads_the_keys(operator: Operator) -> None:
    done = operator.run()

    seeds = [path.read_text().strip() for path in operator.access.glob("*.nk")]
    seeds += [(operator.access / "ca-key.pem").read_text().splitlines()[1]]
    assert seeds
    assert [seed for seed in seeds if seed in done.stdout + done.stderr] == []
    for path in (
        *operator.access.glob("*.nk"),
        operator.access / "ca-key.pem",
        operator.context,
        operator.context.with_suffix(".creds"),
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_host_with_a_new_key_comes_in_and_its_old_key_is_out(operator: Operator) -> None:
    old = operator.sign()
    operator.new_key("pi-1")

    new = operator.sign()

    users = Authority.open(operator.access).record.users
    assert new["changed"]
    assert new["contexts"]["pi-1"]["user_jwt"] != old["contexts"]["pi-1"]["user_jwt"]
    assert [bool(user.revoked_at) for user in users if user.name == "pi-1"] == [True, False]


def test_a_key_that_was_revoked_by_hand_does_not_come_in_again_by_itself(operator: Operator) -> None:
    operator.sign()
    Authority.open(operator.access).revoke("pi-1")

    done = operator.run()

    assert done.returncode == 1
    assert "the key of pi-1 was revoked" in done.stderr
    assert "rotate.yml" in done.stderr


def test_an_operator_whose_credentials_are_lost_gets_new_ones_and_the_lost_are_out(operator: Operator) -> None:
    operator.sign()
    operator.context.with_suffix(".creds").unlink()

    operator.sign()

    users = [user for user in Authority.open(operator.access).record.users if user.role is Role.OPERATOR]
    assert operator.context.with_suffix(".creds").exists()
    assert [bool(user.revoked_at) for user in users] == [True, False]


def test_another_address_of_the_servers_reaches_every_context(operator: Operator) -> None:
    operator.sign()

    answer = operator.sign(url="tls://a:4222,tls://b:4222")

    assert answer["changed"]
    assert answer["contexts"]["pi-1"]["url"] == "tls://a:4222,tls://b:4222"
    assert json.loads(operator.context.read_text())["url"] == "tls://a:4222,tls://b:4222"


def test_a_server_keeps_its_certificate_until_it_nears_its_end(operator: Operator) -> None:
    first = operator.sign()["certificates"]["hub"]
    request = certificate.request(operator.server)["request"].encode()
    for days, kept in ((RENEW_DAYS + 1, True), (RENEW_DAYS - 1, False)):
        held = sign_request(operator.access, request, ["hub", "10.0.0.2"], days=days)
        certificate.install(operator.server, held.encode())

        would, answer = operator.sign("--check"), operator.sign()

        assert (not would["changed"], not answer["changed"]) == (kept, kept)
        assert (answer["certificates"]["hub"] == held) is kept
    assert answer["certificates"]["hub"] != first


def test_a_server_that_is_reached_by_another_name_or_has_a_new_key_gets_another_certificate(operator: Operator) -> None:
    operator.sign()
    renamed = operator.sign(names=("hub", "10.0.0.3"))
    before = operator.server.read_text()
    certificate.request(operator.server, new=True)
    assert operator.server.read_text() == before, "the old one serves until the new one is signed"

    rekeyed = operator.sign()

    assert (renamed["changed"], rekeyed["changed"], operator.sign()["changed"]) == (True, True, False)
    assert operator.server.read_text() != before
    assert [path.name for path in operator.server.parent.iterdir()] == ["server.pem"]


def test_a_certificate_of_another_authority_is_replaced(operator: Operator) -> None:
    operator.sign()
    create_ca(operator.access, "workshop")

    assert operator.sign("--check")["changed"]
    assert operator.sign()["changed"]


def test_a_certificate_for_another_key_is_not_installed(operator: Operator, tmp_path: Path) -> None:
    signed = operator.sign()["certificates"]["hub"]
    other = tmp_path / "other.pem"
    certificate.request(other)

    with pytest.raises(certificate.CertificateError, match="for another key"):
        certificate.install(other, signed.encode())
    with pytest.raises(certificate.CertificateError, match="cannot be read"):
        certificate.install(other, b"hello")


def test_without_encryption_there_is_neither_certificate_nor_authority(operator: Operator) -> None:
    answer = operator.sign(url="nats://hub:4222")

    assert (answer["ca"], answer["certificates"], answer["contexts"]["pi-1"].get("ca", "")) == ("", {}, "")
    assert "ca" not in json.loads(operator.context.read_text())
    assert not list(operator.access.glob("ca*"))


def test_switching_encryption_on_later_changes_every_context(operator: Operator) -> None:
    operator.sign(url="nats://hub:4222")

    assert operator.sign("--check")["changed"]
    assert operator.sign()["changed"]
    assert json.loads(operator.context.read_text())["ca"] == str(operator.access / "ca.pem")
    assert not operator.sign()["changed"]

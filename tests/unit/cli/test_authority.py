"""The operator's directory: what it signs, what it refuses, and that it changes only when something does."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import VerifyKey

from cli.access.authority import Authority, Change
from cli.access.server_config import render_trust
from cli.access.witness import describe
from wire.context import ANONYMOUS
from wire.errors import BadRequestError
from wire.identity import KeyPair, Kind
from wire.permissions import Role


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(tmp_path: Path, clock: Clock) -> Authority:
    made = Authority.create(tmp_path / "access", cluster="plant", url="nats://hub:4222")
    return Authority(made.directory, made.record, clock)


def read(claim: str) -> dict[str, Any]:
    """Return what a claim says, once its signature is found to be its issuer's."""
    head, body, signature = claim.split(".")
    said: dict[str, Any] = json.loads(decode(body))
    issuer = base64.b32decode(said["iss"])[1:33]
    VerifyKey(issuer).verify(f"{head}.{body}".encode(), decode(signature))
    return said


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_user_s_claim_holds_name_and_public_key_and_is_signed_by_the_role_s_key(authority: Authority) -> None:
    pair = KeyPair.make(Kind.USER)
    said = read(authority.add("ann", Role.VIEWER, pair.public))
    assert (said["name"], said["sub"], said["nats"]["issuer_account"]) == ("ann", pair.public, authority.account)
    scopes = {each["key"]: each["role"] for each in read(authority.account_claim())["nats"]["signing_keys"]}
    assert scopes[said["iss"]] == "viewer"
    assert "pub" not in said["nats"]  # what the role may do is said by the account alone


def test_the_same_user_once_more_gets_the_very_same_claim(authority: Authority, clock: Clock) -> None:
    public = KeyPair.make(Kind.USER).public
    first = authority.add("pi1", Role.AGENT, public)
    clock.now += 1000
    assert authority.add("pi1", Role.AGENT, public) == first
    assert len(authority.record.users) == 1


def test_a_name_is_one_user_s_and_a_key_too(authority: Authority) -> None:
    public = KeyPair.make(Kind.USER).public
    authority.add("ann", Role.VIEWER, public)
    with pytest.raises(BadRequestError, match="ann is viewer"):
        authority.add("ann", Role.OPERATOR, public)
    with pytest.raises(BadRequestError, match="ann is viewer"):
        authority.add("ann", Role.VIEWER, KeyPair.make(Kind.USER).public)
    with pytest.raises(BadRequestError, match="ann has that key"):
        authority.add("bob", Role.VIEWER, public)
    with pytest.raises(BadRequestError, match="stands for users of servers without users"):
        authority.add(ANONYMOUS, Role.VIEWER, KeyPair.make(Kind.USER).public)
    with pytest.raises(BadRequestError, match="nobody is called bob"):
        authority.revoke("bob")


def test_the_server_s_configuration_changes_when_something_does_and_only_then(
    authority: Authority, clock: Clock, tmp_path: Path
) -> None:
    first = render_trust(authority, store=tmp_path)
    clock.now += 1000
    authority.add("ann", Role.VIEWER, KeyPair.make(Kind.USER).public)
    assert render_trust(Authority(authority.directory, authority.record, clock), store=tmp_path) == first
    authority.revoke("ann")
    assert render_trust(authority, store=tmp_path) != first


def test_a_revocation_is_newer_than_what_was_before_even_if_the_clock_went_back(
    authority: Authority, clock: Clock
) -> None:
    public = KeyPair.make(Kind.USER).public
    authority.add("ann", Role.VIEWER, public)
    before = read(authority.account_claim())
    clock.now -= 86_400
    authority.revoke("ann")
    after = read(authority.account_claim())
    assert after["iat"] > before["iat"]
    assert after["nats"]["revocations"][public] >= authority.record.users[0].issued_at


def test_the_directory_is_its_owner_s_alone_and_holds_every_secret_there_is(
    authority: Authority, tmp_path: Path
) -> None:
    assert authority.directory.stat().st_mode & 0o777 == 0o700
    seeds = [file.read_text().strip() for file in authority.directory.glob("*.nk")]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in authority.directory.iterdir())
    told = render_trust(authority, store=tmp_path) + (authority.directory / "access.json").read_text()
    assert len(seeds) == 3 + len(Role)
    assert not [seed for seed in seeds if seed in told]


def test_a_directory_that_is_older_than_a_role_gets_its_key_and_keeps_it(authority: Authority) -> None:
    (authority.directory / "role-witness.nk").unlink()

    first = read(Authority.open(authority.directory).account_claim())["nats"]["signing_keys"]

    assert {each["role"] for each in first} == {*Role}
    assert read(Authority.open(authority.directory).account_claim())["nats"]["signing_keys"] == first


def test_a_key_that_was_lost_is_not_made_anew_while_it_has_signed_for_somebody(authority: Authority) -> None:
    authority.add("pi-1", Role.AGENT, KeyPair.make(Kind.USER).public)
    (authority.directory / "role-agent.nk").unlink()

    with pytest.raises(BadRequestError, match=r"role-agent\.nk cannot be read"):
        Authority.open(authority.directory).account_claim()


def test_a_directory_that_others_may_enter_or_that_is_none_is_refused(authority: Authority, tmp_path: Path) -> None:
    authority.directory.chmod(0o750)
    with pytest.raises(BadRequestError, match="others may enter"):
        Authority.open(authority.directory)
    with pytest.raises(BadRequestError, match="holds no cluster's keys"):
        Authority.open(tmp_path / "nothing")
    with pytest.raises(BadRequestError, match="holds the keys of a cluster already"):
        Authority.create(authority.directory, cluster="other")


def test_who_came_and_went_is_kept_to_be_told_until_it_was(authority: Authority, clock: Clock) -> None:
    public = KeyPair.make(Kind.USER).public
    authority.add("ann", Role.VIEWER, public)
    authority.add("ann", Role.VIEWER, public)  # no change
    clock.now += 100
    authority.revoke("ann")

    kept = Authority.open(authority.directory).record.untold
    assert [(change.action, change.target, change.role) for change in kept] == [
        ("access.add", "ann", Role.VIEWER),
        ("access.revoke", "ann", Role.VIEWER),
    ]
    assert kept[1].at == kept[0].at + 100
    authority.tick_off()
    assert Authority.open(authority.directory).record.untold == kept[1:]


def test_a_change_that_is_told_late_is_told_with_its_time() -> None:
    change = Change(action="access.revoke", target="ann", role=Role.VIEWER, at=1_800_000_000)

    assert describe(change, change.at + 1).detail == "as viewer"
    assert describe(change, change.at + 3600).detail == "as viewer, on 2027-01-15 08:00:00 UTC"

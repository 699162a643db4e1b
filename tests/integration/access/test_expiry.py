"""What is about to end is found before it does, with a real server and the operator's own files."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.access.authority import BRIEF_S
from cli.access.certificates import issue
from cli.doctor import expiry
from cli.local.broker import LOG_FILE
from controller.endings import Endings
from tests.testing.secured import Secured, read_credentials, start_secured
from wire.context import Context
from wire.endings import EndingKind, read_token_end
from wire.errors import BadRequestError
from wire.findings import Severity
from wire.identity import write_private
from wire.permissions import Role
from wire.refusals.server_log import parse_line

DAY = 86400.0


def certify(secured: Secured, days: int) -> None:
    certificate, key = issue(secured.authority.directory, ["127.0.0.1"], days=days)
    write_private(secured.broker.directory / "server.pem", certificate)
    write_private(secured.broker.directory / "server-key.pem", key)
    secured.restart()


@pytest.mark.parametrize(
    ("days", "severity", "words"),
    [(400, Severity.WELL, "ends in 400 days"), (20, Severity.WARNING, "ends in 20 days"),
     (2, Severity.BROKEN, "ends in 2 days"), (0, Severity.BROKEN, "certificate has expired")],
)  # fmt: skip
async def test_every_server_of_the_context_is_looked_at_also_those_that_we_are_not_connected_to(
    tmp_path: Path, days: int, severity: Severity, words: str
) -> None:
    with start_secured(tmp_path, encrypted=True) as secured:
        context = secured.let_in("ann", Role.VIEWER)
        certify(secured, days)

        [found] = await expiry.judge_others(context, "elsewhere:4222", time.time())

    assert (found.check, found.severity) == ("certificate", severity)
    assert words in found.text
    assert found.about == f"broker {context.url}"
    assert bool(found.remedy) is (severity is not Severity.WELL)
    assert await expiry.judge_others(context, context.url.removeprefix("tls://"), time.time()) == []


async def test_a_server_that_cannot_be_reached_is_a_finding_and_no_failure(tmp_path: Path) -> None:
    with start_secured(tmp_path, encrypted=True) as secured:
        context = secured.let_in("ann", Role.VIEWER)
    [found] = await expiry.judge_others(context, "", time.time())

    assert found.severity is Severity.BROKEN
    assert "cannot be looked at" in found.text


def test_the_end_of_the_authority_and_of_credentials_for_a_time_is_told(tmp_path: Path) -> None:
    with start_secured(tmp_path, encrypted=True) as secured:
        lasting = secured.let_in("ann", Role.VIEWER)
        claim, _ = secured.authority.passing_user("bob", Role.VIEWER)
    brief = msgspec.structs.replace(lasting, creds="", user_jwt=claim)

    def judge(context: Context, now: float) -> dict[str, str]:
        return {each.check: each.severity.value for each in expiry.judge_own(context, now)}

    now = time.time()
    assert judge(lasting, now) == {"authority": "well"}
    assert judge(lasting, now + 3649 * DAY) == {"authority": "broken"}
    assert judge(brief, now) == {"authority": "well", "credentials": "broken"}
    assert read_token_end(read_credentials(lasting)[0]) is None
    assert read_token_end(claim) == pytest.approx(now + BRIEF_S, abs=60)


async def test_a_controller_sees_what_ends_and_keeps_it_while_a_server_is_away_and_sees_it_renewed(
    tmp_path: Path,
) -> None:
    with start_secured(tmp_path, encrypted=True) as secured:
        context = secured.let_in("hub", Role.CONTROLLER)
        endings = Endings(context)

        async def look() -> dict[str, float]:
            await endings.look()
            return {each.kind: round((each.at - time.time()) / DAY) for each in endings.found}

        certify(secured, 20)
        soon = {EndingKind.AUTHORITY: 3650, EndingKind.CERTIFICATE: 20}
        assert await look() == soon
        assert [each.server for each in endings.found if each.kind is EndingKind.CERTIFICATE] == [context.url]
        secured.broker.stop()
        assert await look() == soon
        certify(secured, 400)
        for _ in range(20):
            assert await look() == {EndingKind.AUTHORITY: 3650, EndingKind.CERTIFICATE: 400}
        log = (secured.broker.directory / LOG_FILE).read_text()
        assert [line for line in log.splitlines() if parse_line(line)] == []  # nothing that goes on the record


async def test_where_nothing_is_encrypted_and_nothing_was_given_for_a_time_nothing_ends(tmp_path: Path) -> None:
    with start_secured(tmp_path) as secured:
        endings = Endings(secured.let_in("hub", Role.CONTROLLER))
        await endings.look()
    assert endings.found == ()


@given(st.one_of(st.text(), st.binary().map(lambda body: f"a.{base64.urlsafe_b64encode(body).decode()}.b")))
def test_any_text_is_a_claim_or_refused(token: str) -> None:
    with contextlib.suppress(BadRequestError):
        assert isinstance(read_token_end(token), float | None)


@pytest.mark.parametrize("claim", [[], {"exp": "never"}, {"exp": [1]}])
def test_a_claim_of_another_form_is_refused(claim: object) -> None:
    body = base64.urlsafe_b64encode(json.dumps(claim).encode()).decode().rstrip("=")
    with pytest.raises(BadRequestError, match="cannot be read"):
        read_token_end(f"a.{body}.b")


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    for context in (Context(ca=str(tmp_path / "ca.pem")), Context(creds=str(tmp_path / "ann.creds"))):
        with pytest.raises(BadRequestError, match=str(tmp_path)):
            list(expiry.judge_own(context, 0.0))

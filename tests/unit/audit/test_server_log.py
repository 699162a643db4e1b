"""What a nats-server's log tells of refusals. The lines are those of a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.audit.server_log import follow, parse_line
from wire.audit import Deed, Outcome

HEAD = "[6246] 2026/11/21 06:59:46.960612 [ERR] 127.0.0.1:36036 - cid:5 - "
NAMES = r'"v2.16.0:python3:evil\n[ERR] forged" - "$G/user:ann" - '


def refused(who: str, action: str, target: str, detail: str) -> Deed:
    return Deed(who=who, action=action, target=target, outcome=Outcome.REFUSED, detail=detail)


@pytest.mark.parametrize(
    ("line", "deed"),
    [
        (
            HEAD + NAMES + 'Publish Violation - Subject "b.c"',
            refused("ann", "access.publish", "b.c", "from 127.0.0.1:36036"),
        ),
        (
            HEAD + NAMES + 'Subscription Violation - Subject "secret.>", Queue: "q", SID 2',
            refused("ann", "access.subscribe", "secret.>", "from 127.0.0.1:36036"),
        ),
        (
            HEAD + 'authentication error - User "bob"',
            refused("127.0.0.1", "access.connect", "", 'authentication error - User "bob"'),
        ),
        (
            HEAD + r'"v1:go:x" - "BRAMBLE/jwt:UDOF4" - Publish Violation - Subject "b"',
            refused("UDOF4", "access.publish", "b", "from 127.0.0.1:36036"),
        ),
        (  # of a node that was cut off with a frame in hand, or one that was never asked
            HEAD + '"BRAMBLE/jwt:UDOF4" - Publish Violation - Subject "_INBOX_hub.a.b"',
            refused("UDOF4", "access.answer", "_INBOX_hub.a.b", "from 127.0.0.1:36036"),
        ),
        (  # listening to others' answers is nothing that happens to anybody
            HEAD + '"BRAMBLE/jwt:UDOF4" - Subscription Violation - Subject "_INBOX_hub.>", SID 1',
            refused("UDOF4", "access.subscribe", "_INBOX_hub.>", "from 127.0.0.1:36036"),
        ),
        (  # a client that says nothing of itself
            HEAD + '"BRAMBLE/jwt:UDOF4" - Publish Violation - Subject "b"',
            refused("UDOF4", "access.publish", "b", "from 127.0.0.1:36036"),
        ),
        (
            HEAD + "TLS handshake error: remote error: tls: bad certificate",
            refused("127.0.0.1", "access.connect", "", "TLS handshake error: remote error: tls: bad certificate"),
        ),
    ],
)  # fmt: skip
def test_a_refusal_is_read_with_who_and_what(line: str, deed: Deed) -> None:
    assert parse_line(line) == deed


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[1] 2026/11/21 06:59:44.372717 [INF] Server is ready",
        HEAD + "Slow Consumer Detected",
        "[1] 2026/11/21 06:59:44.372717 [INF] x - cid:5 - " + 'Publish Violation - Subject "b"',
        HEAD + "x" * 20_000,
    ],
)
def test_other_lines_tell_of_nothing(line: str) -> None:
    assert parse_line(line) is None


def quote(text: str) -> str:
    """As Go's %q does for what matters here."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@given(st.text(max_size=60), st.text("ab.>*", min_size=1, max_size=20))
def test_no_name_that_a_client_chooses_changes_who_did_what(name: str, subject: str) -> None:
    line = (
        f"{HEAD}{quote('v1:go:' + name)} - {quote('BRAMBLE/user:ann')} - Publish Violation - Subject {quote(subject)}"
    )
    deed = parse_line(line)
    assert deed is not None
    assert (deed.who, deed.action, deed.target) == ("ann", "access.publish", subject)


@given(st.text(max_size=300))
def test_any_line_is_read_or_left(line: str) -> None:
    parse_line(line)


async def test_new_lines_are_told_also_after_the_file_was_replaced(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_text("old\n")
    lines = await follow(file)
    first = asyncio.create_task(anext(lines))
    async with asyncio.timeout(10):
        while not first.done():
            with file.open("a") as log:
                log.write("new\n")
            await asyncio.wait([first], timeout=0.05)
        assert await first == "new"
        file.rename(tmp_path / "server.log.1")
        file.write_text("rotated\n")
        while await anext(lines) != "rotated":
            pass

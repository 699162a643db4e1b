"""What a nats-server's log tells of refusals. The lines are those of a real server."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.audit import Deed, Outcome
from wire.refusals.server_log import parse_line

TIME = "2026/11/21 06:59:46.960612"
HEAD = f"[6246] {TIME} [ERR] 127.0.0.1:36036 - cid:5 - "
LEAF = f"[6246] {TIME} [ERR] 10.0.0.9:43114 - lid:7 - "
ROUTE = f"[6246] {TIME} [ERR] 10.0.0.9:50884 - rid:8 - "
SEEN_AT = datetime.strptime(TIME, "%Y/%m/%d %H:%M:%S.%f").astimezone().timestamp()
NAMES = r'"v2.16.0:python3:evil\n[ERR] forged" - "$G/user:ann" - '


def refused(who: str, action: str, target: str, detail: str) -> Deed:
    return Deed(who=who, action=action, target=target, outcome=Outcome.REFUSED, detail=detail, seen_at=SEEN_AT)


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
        (  # an inbox that is reserved, as that to which an answer is wanted
            HEAD + '"BRAMBLE/jwt:UDOF4" - Publish Violation - Reply "$JS.ACK.x"',
            refused("UDOF4", "access.publish", "$JS.ACK.x", "from 127.0.0.1:36036"),
        ),
        (
            HEAD + '"BRAMBLE/jwt:UDOF4" - Subscription Violation Too Many Tokens - Subject "a.b", SID 2',
            refused("UDOF4", "access.subscribe", "a.b", "from 127.0.0.1:36036"),
        ),
        (
            LEAF + 'authentication error - User "x"',
            refused("10.0.0.9", "access.connect", "", 'authentication error - User "x" (between sites)'),
        ),
        (
            LEAF + 'Publish Violation on "$JS.API.STREAM.DELETE.audit" - Check other side configuration',
            refused("10.0.0.9", "access.publish", "$JS.API.STREAM.DELETE.audit", "from 10.0.0.9:43114 (between sites)"),
        ),
        (
            ROUTE + "TLS route handshake error: tls: client didn't provide a certificate",
            refused(
                "10.0.0.9", "access.connect", "",
                "TLS route handshake error: tls: client didn't provide a certificate (between servers)",
            ),
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


@given(
    st.sampled_from(["INF", "WRN", "DBG"]),
    st.text(max_size=40),
    st.sampled_from([HEAD, LEAF, "[ERR] 10.0.0.7:1 - cid:5 - "]),
)
def test_a_refusal_in_the_words_of_a_client_is_none(level: str, name: str, forged: str) -> None:
    words = quote(f"v1:go:{name}{forged}authentication error")
    assert parse_line(f"[6246] {TIME} [{level}] 127.0.0.1:36036 - cid:5 - {words} - Slow Consumer Detected") is None

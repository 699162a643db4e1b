from __future__ import annotations

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.logs import LineFormatter
from wire.redact import redact_url

secrets = st.text(
    st.characters(exclude_categories=("Z", "C")), min_size=4, max_size=20
)  # people paste passwords with / @ : ? # in them, unescaped
words = st.text("abcdefgh ", max_size=20)


@given(words, st.sampled_from(["rtsp", "rtsps", "http", "https", "nats"]), secrets, words)
def test_no_password_of_a_url_survives_anywhere_in_a_text(before: str, scheme: str, secret: str, after: str) -> None:
    shown = redact_url(f"{before} {scheme}://SENTINEL{secret}:SENTINEL{secret}@camera.lan:554/stream {after}")
    assert "SENTINEL" not in shown
    assert f"{scheme}://***@camera.lan:554/stream" in shown


@given(secrets.filter(lambda s: not set(s) & set("&;\"'<>")))
def test_secrets_in_a_query_are_hidden(secret: str) -> None:
    assert redact_url(
        f"http://h/v?user=u&password=SENTINEL{secret}&fps=5"
    ) == "http://h/v?user=u&password=***&fps=5" or (
        "SENTINEL" not in redact_url(f"http://h/v?user=u&password=SENTINEL{secret}&fps=5")
    )


@given(st.text())
def test_any_text_can_be_redacted_and_redacting_again_changes_nothing(text: str) -> None:
    once = redact_url(text)
    assert redact_url(once) == once


@pytest.mark.parametrize("text", ["rtsp://camera.lan/stream", "write to me@example.org", "no url", "http://h/?q=1"])
def test_what_holds_no_secret_is_left_alone(text: str) -> None:
    assert redact_url(text) == text


def test_log_lines_are_one_line_each_redacted_and_can_be_split_into_fields() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(timestamp=False))
    log = logging.getLogger("test-lines")
    log.propagate = False
    log.addHandler(handler)
    log.warning("lost rtsp://u:secret@h/s\nagain", extra={"action": "read", "camera": "door", "why": 'a "b"'})
    assert stream.getvalue() == (
        'level=warning msg="lost rtsp://***@h/s\\nagain" action=read camera=door why="a \\"b\\""\n'
    )

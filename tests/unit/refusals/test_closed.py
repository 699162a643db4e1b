"""What a nats-server's monitoring page tells of failed encryption. The page's form is that of a real server."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import BadRequestError
from wire.refusals.closed import FAILURE, MOST_HEARD, Closed, Heard, find_failures, open_page, read_page


def make_page(*connections: tuple[int, str, str], server: str = "NB6X") -> bytes:
    rows = [{"cid": cid, "kind": "Client", "ip": ip, "port": 1, "reason": reason} for cid, ip, reason in connections]
    return json.dumps({"server_id": server, "num_connections": len(rows), "connections": rows}).encode()


def test_who_failed_since_is_told_oldest_first_and_once() -> None:
    before = read_page(make_page((4, "10.0.0.9", FAILURE)))
    page = read_page(make_page((9, "10.0.0.7", FAILURE), (8, "10.0.0.8", FAILURE), (4, "10.0.0.9", FAILURE)))

    assert [each.ip for each in find_failures(page, before.ids)] == ["10.0.0.8", "10.0.0.7"]
    assert find_failures(page, page.ids) == []


def test_who_left_in_another_way_is_not_told() -> None:
    page = read_page(make_page((9, "10.0.0.7", "Client Closed"), (8, "10.0.0.8", "Authentication Failure")))

    assert find_failures(page, frozenset()) == []


def test_a_server_that_was_started_anew_counts_from_one_and_nobody_is_missed() -> None:
    before = read_page(make_page((4, "10.0.0.9", FAILURE)))
    page = read_page(make_page((4, "10.0.0.7", FAILURE), server="NC7Y"))

    assert [each.ip for each in find_failures(page, before.ids)] == ["10.0.0.7"]


@given(st.one_of(st.binary(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_any_bytes_are_a_page_or_refused(data: bytes | str) -> None:
    with contextlib.suppress(BadRequestError):
        read_page(data if isinstance(data, bytes) else data.encode())


def test_who_was_heard_of_is_known_as_the_log_writes_it_and_forgotten_when_many_came_since() -> None:
    heard = Heard()
    for peer in ("10.0.0.7:41000", "[fe80::1]:41001"):
        heard.add(peer)
    peers = [Closed(cid=1, ip=ip, port=port).peer for ip, port in (("10.0.0.7", 41000), ("fe80::1", 41001))]
    assert all(peer in heard for peer in peers)
    assert Closed(cid=3, ip="10.0.0.7", port=41002).peer not in heard
    for port in range(MOST_HEARD):
        heard.add(f"10.0.0.8:{port}")
    assert "10.0.0.7:41000" not in heard


async def test_what_is_no_web_address_is_refused() -> None:
    with pytest.raises(BadRequestError, match="is no web address"):
        await open_page("file:///etc/passwd", None)

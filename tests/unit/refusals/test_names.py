"""Names for the keys in a server's log, from the claims on its monitoring page."""

from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.audit import MAX_DETAIL, Deed, Outcome
from wire.errors import BadRequestError
from wire.refusals.names import LOOK_S, Names, read_names
from wire.refusals.server_log import name_user

KEY = "U" + "A" * 55
OTHER = "U" + "B" * 55


def make_page(**names: str) -> bytes:
    claims = [base64.urlsafe_b64encode(json.dumps({"sub": key, "name": name}).encode()) for key, name in names.items()]
    rows = [{"cid": 1, "jwt": f"e30.{claim.decode().rstrip('=')}.sig"} for claim in claims]
    return json.dumps({"server_id": "N", "connections": [*rows, {"cid": 9}]}).encode()


class Server:
    """Counts how often its page is asked for."""

    def __init__(self, page: bytes | None) -> None:
        self.page = page
        self.asked = 0
        self.now = 0.0
        self.names = Names(self.fetch, lambda: self.now)

    async def fetch(self) -> bytes | None:
        self.asked += 1
        return self.page


async def test_a_key_has_the_name_that_its_claim_has_and_is_asked_for_once() -> None:
    server = Server(make_page(**{KEY: "pi2", OTHER: "ann"}))

    assert [await server.names.find(key) for key in (KEY, OTHER, KEY)] == ["pi2", "ann", "pi2"]
    assert server.asked == 1


async def test_a_stranger_is_looked_for_again_but_not_at_every_line() -> None:
    server = Server(make_page())
    assert [await server.names.find(KEY) for _ in range(9)] == [None] * 9
    assert server.asked == 1

    server.page, server.now = make_page(**{KEY: "pi2"}), LOOK_S
    assert await server.names.find(KEY) == "pi2"


@pytest.mark.parametrize("page", [None, b"<html>", b"{}"])
async def test_without_the_page_a_key_stays_a_key(page: bytes | None) -> None:
    deed = Deed(who=KEY, action="access.publish", target="x", outcome=Outcome.REFUSED, detail="from 10.0.0.9:1")

    assert await name_user(deed, Server(page).names) == deed


async def test_a_name_takes_the_place_of_the_key_which_stays_among_the_details() -> None:
    deed = Deed(who=KEY, action="access.publish", target="x", outcome=Outcome.REFUSED, detail="from 10.0.0.9:1")

    named = await name_user(deed, Server(make_page(**{KEY: "pi2"})).names)

    assert (named.who, named.detail) == ("pi2", f"from 10.0.0.9:1 with {KEY}")
    assert len(named.detail) <= MAX_DETAIL


async def test_who_is_no_key_is_left_alone_and_nobody_is_asked() -> None:
    server = Server(make_page())
    deed = Deed(who="10.0.0.9", action="access.connect", outcome=Outcome.REFUSED)

    assert await name_user(deed, server.names) == deed
    assert server.asked == 0


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a.b"])
def test_a_name_that_is_none_is_not_taken(name: str) -> None:
    assert read_names(make_page(**{KEY: name})) == {}


@given(st.binary(max_size=200), st.text(max_size=50))
def test_any_bytes_are_a_page_or_refused(data: bytes, token: str) -> None:
    with contextlib.suppress(BadRequestError):
        read_names(data)
    assert read_names(json.dumps({"connections": [{"jwt": token}]}).encode()) == {}

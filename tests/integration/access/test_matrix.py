"""Every role and every subject of the table, allowed and denied, cell by cell on a real server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.testing.raw_client import raw_client
from tests.testing.secured import start_secured
from wire.permissions import ME, TABLE, Role, permissions_of

OTHER = "somebody-else"
NOWHERE = (
    ">",
    "*",
    "*.*.*",
    "nobody.knows.this",
    "_INBOX.raw",
    "_INBOX.>",
    f"_INBOX_{OTHER}.>",
    "$SYS.>",
    "$SYS.REQ.CLAIMS.UPDATE",
    "$JS.API.CONSUMER.CREATE.KV_config",
    "$JS.API.CONSUMER.CREATE.KV_config.c.$KV.config.cameras.door",
    "$JS.API.DIRECT.GET.KV_config",
    "$JS.API.STREAM.MSG.GET.KV_config",
    "$JS.API.STREAM.DELETE.KV_config",
    "$JS.API.STREAM.NAMES",
    "control.anonymous.camera.add",
    f"control.{OTHER}.camera.add",
    f"infer.{OTHER}.>",
    "results.>",
)
"""What no row names as it stands."""

_REFUSED = re.compile(r"Permissions Violation for (Publish|Subscription) to \"([^\"]+)\"")


def subjects_for(name: str) -> list[str]:
    """Return one subject for each row: the user's own, somebody else's, and the whole family with its wildcards."""
    found = set(NOWHERE)
    for row in TABLE:
        for user in (name, OTHER, "*"):
            pattern = row.pattern.replace(ME, user)
            found.add(pattern)
            found.add(pattern.replace("*", "any").replace(">", "any.thing"))
            found.add(pattern.replace("*", "any", 1))
    return sorted(found)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.LEAF}))  # which no client may use: test_leaf.py
async def test_the_server_lets_a_role_do_what_its_rows_say_and_nothing_else(role: Role, tmp_path: Path) -> None:
    name = f"the-{role}"
    granted = permissions_of(role).of(name)
    subjects = subjects_for(name)
    literal = [each for each in subjects if "*" not in each and ">" not in each]
    with start_secured(tmp_path) as secured:
        async with raw_client(secured.let_in(name, role)) as raw:
            subscribing = "".join(f"SUB {subject} {number}\r\n" for number, subject in enumerate(subjects))
            refused_subscriptions = refused(await raw.provoke(subscribing.encode()), "Subscription")
            ending = "".join(f"UNSUB {number}\r\n" for number in range(len(subjects)))
            assert await raw.provoke(ending.encode()) == []
            publishing = "".join(f"PUB {subject} 2\r\n{{}}\r\n" for subject in literal)
            refused_publications = refused(await raw.provoke(publishing.encode()), "Publish")
    assert [(each, granted.may_subscribe(each)) for each in subjects] == [
        (each, each not in refused_subscriptions) for each in subjects
    ]
    assert [(each, granted.may_publish(each)) for each in literal] == [
        (each, each not in refused_publications) for each in literal
    ]
    assert 0 < len(refused_subscriptions) < len(subjects)
    assert 0 < len(refused_publications) < len(literal)


def refused(said: list[str], verb: str) -> set[str]:
    found = [_REFUSED.search(line) for line in said]
    assert all(each is not None and each[1] == verb for each in found), said
    return {each[2] for each in found if each}

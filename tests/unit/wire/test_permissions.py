"""The table of permissions: whole, and meaning what it says."""

from __future__ import annotations

import pytest

from wire import subjects
from wire.permissions import ME, TABLE, Role, matches, permissions_of
from wire.subjects import Subject

FAMILIES = {
    name: family for name, family in vars(subjects).items() if isinstance(family, Subject) and family in subjects.TABLE
}
KEYS = {name: family for name, family in vars(subjects).items() if name.endswith("_KEY")}
STORED = (subjects.JOBS, subjects.BATCH_JOBS, subjects.OUTCOMES, subjects.DEAD_LETTERS, subjects.AUDIT)
"""JetStream itself listens to these."""
BUCKETS = {value for name, value in vars(subjects).items() if name.endswith("_BUCKET")}
STORES = {value for name, value in vars(subjects).items() if name.endswith("_STORE")}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_of_subjects_has_a_row_for_who_sends_and_one_for_who_listens(name: str) -> None:
    pattern = FAMILIES[name].wildcard()
    rows = [row for row in TABLE if matches(pattern, row.pattern.replace(ME, "me"))]
    assert [row for row in rows if row.publish]
    assert [row for row in rows if row.subscribe] or FAMILIES[name] in STORED


@pytest.mark.parametrize("bucket", sorted(BUCKETS))
def test_every_bucket_has_rows(bucket: str) -> None:
    assert [row for row in TABLE if row.pattern.startswith(f"$KV.{bucket}.")]


@pytest.mark.parametrize("name", KEYS)
def test_every_kind_of_key_has_a_row(name: str) -> None:
    keys = KEYS[name].wildcard()
    assert [
        row for row in TABLE for bucket in BUCKETS if matches(f"$KV.{bucket}.{keys}", row.pattern.replace(ME, "me"))
    ]


@pytest.mark.parametrize("store", sorted(STORES))
def test_every_store_has_rows(store: str) -> None:
    assert [row for row in TABLE if row.pattern.startswith(f"$O.{store}.")]


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.CONTROLLER, Role.LEAF}))
def test_nobody_but_controllers_may_create_consumers_or_read_a_bucket_as_a_whole(role: Role) -> None:
    granted = permissions_of(role).of("me")
    for bucket in BUCKETS:
        stream = f"KV_{bucket}"
        assert not granted.may_publish(f"$JS.API.CONSUMER.CREATE.{stream}")
        assert not granted.may_publish(f"$JS.API.CONSUMER.CREATE.{stream}.c.$KV.{bucket}.me")
        assert not granted.may_publish(f"$JS.API.STREAM.MSG.GET.{stream}")
        assert not granted.may_publish(f"$JS.API.DIRECT.GET.{stream}")


def test_cameras_urls_which_may_hold_passwords_are_for_operators_and_controllers() -> None:
    key = f"$KV.{subjects.CONFIG_BUCKET}.{subjects.CAMERA_KEY.build(camera='door')}"
    readers = {
        role
        for role in Role
        if permissions_of(role).may_subscribe(key)
        or permissions_of(role).may_publish(f"$JS.API.DIRECT.GET.KV_{subjects.CONFIG_BUCKET}.{key}")
    }
    assert readers == {Role.OPERATOR, Role.CONTROLLER, Role.LEAF}


@pytest.mark.parametrize(
    ("pattern", "subject", "covered"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.b.c", "a.b", False),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("a.*", "a.>", False),
        ("a.b", "a.*", False),
        ("a.*.c", "a.*.c", True),
        (">", ">", True),
    ],
)
def test_a_pattern_covers_a_subject_as_the_server_sees_it(pattern: str, subject: str, covered: bool) -> None:  # noqa: FBT001 - a table
    assert matches(pattern, subject) is covered

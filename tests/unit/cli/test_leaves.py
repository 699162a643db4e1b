"""The servers of other sites, as the operator keeps them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.access.authority import Authority
from cli.commands.access import access


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Authority.create(tmp_path / "access", cluster="plant", url="nats://hub:4222").directory


def ask(directory: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(access, ["leaves", *arguments, "--access", str(directory), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["leaves"]


def test_leaves_are_kept_until_others_are_named_or_there_are_none(directory: Path) -> None:
    assert ask(directory) == []
    assert ask(directory, "tls://attic:4222", "tls://barn:4222", "tls://attic:4222") == [
        "tls://attic:4222",
        "tls://barn:4222",
    ]
    assert ask(directory) == ["tls://attic:4222", "tls://barn:4222"]
    assert Authority.open(directory).record.leaves == ("tls://attic:4222", "tls://barn:4222")
    assert ask(directory, "--none") == []


def test_none_and_some_at_once_make_no_sense(directory: Path) -> None:
    done = CliRunner().invoke(access, ["leaves", "tls://attic:4222", "--none", "--access", str(directory)])
    assert done.exit_code == 2


def test_a_record_from_before_there_were_leaves_has_none_and_nothing_to_tell(directory: Path) -> None:
    path = directory / "access.json"
    record = json.loads(path.read_text())
    for name in ("leaves", "untold"):
        record.pop(name, None)
    path.write_text(json.dumps(record))

    assert Authority.open(directory).record.leaves == ()
    assert Authority.open(directory).record.untold == ()

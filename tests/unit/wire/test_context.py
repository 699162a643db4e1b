from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from wire.context import DEFAULT_URL, Context, load_context, save_context
from wire.errors import BadRequestError


def write_context(home: Path, name: str, **fields: object) -> Path:
    path = home / "nats" / "context" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields))
    return path


def test_the_first_of_argument_context_url_and_selection_wins(tmp_path: Path) -> None:
    write_context(tmp_path, "given", url="nats://given")
    write_context(tmp_path, "named", url="nats://named")
    write_context(tmp_path, "selected", url="nats://selected")
    (tmp_path / "nats" / "context.txt").write_text("selected\n")
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "NATS_CONTEXT": "named", "NATS_URL": "nats://url"}
    assert load_context("given", environ=environ).url == "nats://given"
    assert load_context(environ=environ).url == "nats://named"
    del environ["NATS_CONTEXT"]
    assert load_context(environ=environ).url == "nats://url"
    del environ["NATS_URL"]
    assert load_context(environ=environ).url == "nats://selected"


def test_without_anything_it_is_the_server_on_this_machine_also_for_a_user_without_a_home() -> None:
    assert load_context(environ={}).url == DEFAULT_URL


def test_a_path_is_read_as_it_is_and_unknown_keys_of_the_nats_command_are_left_alone(tmp_path: Path) -> None:
    path = write_context(tmp_path, "x", url="nats://a,nats://b", user="u", password="p", jetstream_domain="")
    found = load_context(str(path), environ={})
    assert found.servers == ["nats://a", "nats://b"]
    assert (found.user, found.password) == ("u", "p")


def test_a_context_that_is_not_there_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="nowhere") as caught:
        load_context("nowhere", environ={"XDG_CONFIG_HOME": str(tmp_path)})
    assert "nats context ls" in caught.value.remedy


def test_a_malformed_context_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text("{")
    with pytest.raises(BadRequestError, match="malformed"):
        load_context(str(path), environ={})


def test_a_saved_context_comes_back_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "c.json"
    context = Context(url="nats://u:secret@h:4222", description="d")
    save_context(context, path)
    assert load_context(str(path), environ={}) == context
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "secret" not in repr(context)

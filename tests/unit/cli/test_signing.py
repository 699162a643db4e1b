"""The operator's signing key: made once, read by nobody else."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.commands.models import model
from cli.signing import create_key, own_key_file, public_file, read_key, take_key
from modelkit.signature import identify, public_half
from wire.errors import BadRequestError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def test_a_key_is_for_its_owner_alone_and_its_public_half_for_all(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "site.pem"
    create_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert public_file(file).read_bytes() == public_half(read_key(file))
    assert sorted(path.name for path in file.parent.iterdir()) == ["site.pem", "site.pub"]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "site.pem"
    create_key(file)
    before = file.read_bytes()
    with pytest.raises(BadRequestError, match="exists"):
        create_key(file)
    assert file.read_bytes() == before


def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "site.pem"
    create_key(file)
    file.chmod(0o640)
    with pytest.raises(BadRequestError) as caught:
        read_key(file)
    assert caught.value.remedy == f"chmod 600 {file}"


def test_one_s_own_key_is_made_at_its_first_use_and_stays_the_same(home: Path) -> None:
    assert take_key(None) == take_key(None)
    assert own_key_file().is_relative_to(home)


def test_a_key_that_was_named_is_not_made_up(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="cannot be read"):
        take_key(tmp_path / "missing.pem")


def test_the_environment_may_name_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAMBLE_SIGNING_KEY", str(tmp_path / "site.pem"))
    take_key(None)
    assert (tmp_path / "site.pub").exists()


def test_keygen_tells_where_both_halves_are(tmp_path: Path) -> None:
    file = tmp_path / "site.pem"
    result = CliRunner().invoke(model, ["keygen", "--key", str(file), "--json"])
    assert result.exception is None
    told = json.loads(result.stdout)
    assert told == {
        "private": str(file),
        "public": str(tmp_path / "site.pub"),
        "identity": identify((tmp_path / "site.pub").read_bytes()),
    }

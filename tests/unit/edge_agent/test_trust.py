from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.trust import Trust, read_trust
from modelkit.signature import make_key, public_half
from wire.errors import BadRequestError

PUBLIC = public_half(make_key()).decode()


def test_without_keys_no_signature_is_wanted() -> None:
    assert read_trust(None, allow_unsigned=False) == Trust()
    assert not Trust().wants_signature


def test_keys_are_read_from_a_file_and_from_all_public_files_of_a_directory(tmp_path: Path) -> None:
    other = public_half(make_key()).decode()
    (tmp_path / "a.pub").write_text(PUBLIC)
    (tmp_path / "b.pub").write_text(other)
    (tmp_path / "README").write_text("not a key")
    assert read_trust(tmp_path, allow_unsigned=False).keys == (PUBLIC, other)
    assert read_trust(tmp_path / "b.pub", allow_unsigned=True) == Trust((other,), allow_unsigned=True)


def test_one_file_may_hold_several_keys(tmp_path: Path) -> None:
    other = public_half(make_key()).decode()
    (tmp_path / "all.pub").write_text(f"{PUBLIC}\n{other}")
    assert read_trust(tmp_path / "all.pub", allow_unsigned=False).keys == (PUBLIC, other)


def test_a_directory_without_keys_is_an_error_and_not_the_same_as_trusting_all(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="no trusted key"):
        read_trust(tmp_path, allow_unsigned=False)


@pytest.mark.parametrize(
    "text", [b"", b"hello", make_key(), b"\xff" * 9], ids=["nothing", "words", "a private key", "no text"]
)
def test_what_is_no_public_key_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "key.pub").write_bytes(text)
    with pytest.raises(BadRequestError, match="key"):
        read_trust(tmp_path, allow_unsigned=False)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match=r"gone\.pub"):
        read_trust(tmp_path / "gone.pub", allow_unsigned=False)

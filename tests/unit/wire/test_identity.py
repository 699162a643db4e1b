"""Keys: made where they are used, checked before they are believed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import BadRequestError
from wire.identity import KeyPair, Kind, check_public_key, keep_key_pair, write_private


@pytest.mark.parametrize("kind", Kind)
def test_a_new_pair_s_public_half_begins_with_its_kind_s_letter_and_is_recognised(kind: Kind) -> None:
    pair = KeyPair.make(kind)
    assert pair.public[0] == kind.value
    assert check_public_key(pair.public, kind) == pair.public
    assert KeyPair(pair.reveal_seed()).public == pair.public


def test_the_private_half_is_not_shown_by_accident() -> None:
    pair = KeyPair.make(Kind.USER)
    assert pair.reveal_seed() not in f"{pair!r} {pair}"


@given(place=st.integers(0, 55), letter=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_mistyped_public_half_is_refused(place: int, letter: str) -> None:
    public = "UBNWUFGROTS22D4AT54BE53ZDSAYSIOFSSTTB32TYL62FPJRA6VWODWM"
    typed = public[:place] + letter + public[place + 1 :]
    if typed == public:
        assert check_public_key(typed, Kind.USER) == public
    else:
        with pytest.raises(BadRequestError, match="is not the public half"):
            check_public_key(typed, Kind.USER)


@given(st.text(max_size=80))
def test_what_is_no_key_is_refused_as_one(text: str) -> None:
    with pytest.raises(BadRequestError):
        check_public_key(text, Kind.USER)
    with pytest.raises(BadRequestError):
        KeyPair(text)


def test_an_account_s_key_is_no_user_s() -> None:
    with pytest.raises(BadRequestError):
        check_public_key(KeyPair.make(Kind.ACCOUNT).public, Kind.USER)


def test_a_truncated_seed_is_refused() -> None:
    with pytest.raises(BadRequestError, match="not the seed"):
        KeyPair(KeyPair.make(Kind.USER).reveal_seed()[:-2])


def test_the_command_makes_a_key_once_that_only_its_user_can_read(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "agent.nk"

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "wire.identity", str(file)], capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout.strip()

    public = run()
    assert check_public_key(public, Kind.USER)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert run() == public
    assert keep_key_pair(file).public == public


def test_a_file_that_is_no_key_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "agent.nk"
    file.write_text("hello")
    with pytest.raises(BadRequestError, match="not the seed"):
        keep_key_pair(file)
    assert file.read_text() == "hello"


def test_a_private_file_replaces_one_that_others_could_read(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o600)

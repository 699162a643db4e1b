"""What a controller is told on its command line."""

from __future__ import annotations

import pytest

from controller.settings import RECORD_DISK, parse_settings
from wire.errors import BadRequestError


def test_witnesses_are_named_one_by_one() -> None:
    assert parse_settings(["--witness", "witness-hub2", "--witness", "witness-hub3"]).witnesses == (
        "witness-hub2", "witness-hub3",
    )  # fmt: skip
    assert parse_settings([]).witnesses == ()


def test_a_witness_whose_name_can_be_no_user_is_refused() -> None:
    with pytest.raises(BadRequestError, match=r"witness 'a\.b'"):
        parse_settings(["--witness", "a.b"])


def test_the_record_can_be_given_more_room() -> None:
    assert parse_settings([]).record_disk == RECORD_DISK
    assert parse_settings(["--record-disk", str(RECORD_DISK * 2)]).record_disk == RECORD_DISK * 2


@pytest.mark.parametrize("room", ["0", "-1", "1e9", "128MB", str(RECORD_DISK - 1), str(1 << 50)])
def test_room_that_is_none_is_refused(room: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_settings(["--record-disk", room])
    assert "is not a number of bytes" in capsys.readouterr().err

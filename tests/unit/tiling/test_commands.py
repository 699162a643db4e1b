"""`bramble model tiles`, on a small model."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelkit.digest import sha256_file
from modelkit.library import Library
from modelkit.tiling import Grid, TilingRefusedError, tile
from tests.slicing_testing.tiny_models import OPERATORS, build_plain
from tests.unit.slicing.test_commands import call, lines
from wire.errors import BadRequestError


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(build_plain())
    return path


def test_every_cut_is_listed_with_what_dividing_costs_and_what_cannot_be_divided_with_the_reason(tiny: Path) -> None:
    result = call("tiles", tiny, "--bands", 2)
    assert result.exit_code == 0
    head, first, *_ = result.stdout.splitlines()
    assert head.split()[:5] == ["CUT", "AFTER", "FRONT", "HALO", "PATH"]
    assert first.split()[:2] == ["1", "CONV_2D"]
    assert "not at 7: the picture cannot be divided through operator 6 (MEAN)" in result.stderr


def test_programs_read_the_same(tiny: Path) -> None:
    found = lines(call("tiles", tiny, "--bands", 2, "--columns", 2, "--json"))
    assert [option["at"] for option in found] == list(range(1, OPERATORS + 1))
    assert [bool(option["problem"]) for option in found] == [False] * 6 + [True] * 3
    assert [len(option["macs"]) for option in found[:6]] == [4] * 6  # type: ignore[arg-type]


def test_parts_are_written_under_names_that_their_content_decides(tiny: Path, tmp_path: Path) -> None:
    found = lines(call("tiles", tiny, "--bands", 3, "--at", 4, "--out", tmp_path / "parts", "--json"))
    expected = tile(tiny.read_bytes(), 4, Grid(3)).parts
    assert [part["digest"] for part in found] == [part.digest for part in expected]
    assert [sha256_file(Path(str(part["file"]))) for part in found] == [part.digest for part in expected]
    assert found[1]["inputs"][0]["rows"] == [1, 6]  # type: ignore[index]


def test_without_a_folder_parts_go_into_the_library_by_digest(tiny: Path, tmp_path: Path) -> None:
    result = call("tiles", tiny, "--at", 4, "--library", tmp_path / "library")
    library = Library(tmp_path / "library")
    for part in tile(tiny.read_bytes(), 4, Grid(2)).parts:
        assert library.path(part.digest).read_bytes() == part.data
        assert part.digest in result.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [(["--at", 8], TilingRefusedError, "MEAN"), (["--out", "parts"], BadRequestError, "--out without --at")],
)
def test_what_cannot_be_done_is_said_with_a_remedy(
    tiny: Path, arguments: list[object], error: type[Exception], said: str
) -> None:
    result = call("tiles", tiny, *arguments)
    assert isinstance(result.exception, error)
    assert said in str(result.exception)
    assert result.exception.remedy  # type: ignore[attr-defined]

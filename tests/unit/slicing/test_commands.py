"""`bramble model cuts` and `bramble model slice`, on a small model."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli.commands.models import model
from cli.prefix_times import measure_prefixes
from modelkit.digest import sha256_file
from modelkit.errors import ModelRejectedError, UnknownModelError
from modelkit.library import Library
from modelkit.slicing import CutRefusedError, split
from tests.slicing_testing.tiny_models import OPERATORS, build_plain
from wire.errors import BadRequestError


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(build_plain())
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(model, [str(argument) for argument in arguments])


def lines(result: Result) -> list[dict[str, object]]:
    assert result.exception is None, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_cuts_are_listed_with_what_crosses_them(tiny: Path) -> None:
    result = call("cuts", tiny)
    assert result.exit_code == 0
    first, second, *rest = result.stdout.splitlines()
    assert first.split() == ["CUT", "AFTER", "TENSORS", "BYTES", "MACS", "WEIGHTS", "CROSSING"]
    assert second.split()[:5] == ["1", "CONV_2D", "2", "2.0", "KiB"]
    assert len(rest) == OPERATORS - 2


def test_measured_shares_rise_to_the_whole(tiny: Path) -> None:
    shares = [cut["time_share"] for cut in lines(call("cuts", tiny, "--measure", "--json"))]
    assert len(shares) == OPERATORS - 1
    assert np.all(np.diff(np.array([0, *shares, 1], float)) >= 0)


def test_a_file_that_no_runtime_takes_is_not_measured_and_the_reason_is_told(tmp_path: Path) -> None:
    path = tmp_path / "noise.tflite"
    path.write_bytes(b"\0\0\0\0TFL3" + bytes(40))
    with pytest.raises(ModelRejectedError, match="malformed"):
        measure_prefixes(path, (1,))


def test_the_picture_is_an_svg_with_a_bar_a_cut(tiny: Path, tmp_path: Path) -> None:
    picture = tmp_path / "cuts.svg"
    assert call("cuts", tiny, "--picture", picture).exit_code == 0
    bars = ET.parse(picture).iter("{http://www.w3.org/2000/svg}rect")  # noqa: S314 - our own
    titles = [bar[0].text or "" for bar in bars]
    assert len(titles) == OPERATORS - 1
    assert titles[0].startswith("cut 1, after CONV_2D: 2.0 KiB in 2 tensors")


def test_shards_are_written_under_names_that_their_content_decides(tiny: Path, tmp_path: Path) -> None:
    stages = lines(call("slice", tiny, "--at", "2,4", "--out", tmp_path / "shards", "--json"))
    expected = split(tiny.read_bytes(), (2, 4)).stages
    assert [stage["digest"] for stage in stages] == [stage.shard.digest for stage in expected]
    files = sorted((tmp_path / "shards").iterdir())
    assert [str(path) for path in files] == [stage["file"] for stage in stages]
    assert [sha256_file(path) for path in files] == [stage["digest"] for stage in stages]
    assert [stage["passes"] for stage in stages] == [[], [expected[0].shard.outputs[0].index], []]
    assert stages[0]["arrives"] == [{"tensor": 0, "from": None}]


def test_without_a_folder_shards_go_into_the_library_by_digest(tiny: Path, tmp_path: Path) -> None:
    result = call("slice", tiny, "--at", "5", "--library", tmp_path / "library")
    library = Library(tmp_path / "library")
    for stage in split(tiny.read_bytes(), (5,)).stages:
        assert library.path(stage.shard.digest).read_bytes() == stage.shard.data
        assert stage.shard.digest in result.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["slice", "TINY", "--at", "4,2"], CutRefusedError, "no range of operators 4 to 2"),
        (["slice", "missing.tflite", "--at", "4"], UnknownModelError, "no file missing.tflite"),
        (["cuts", "missing"], UnknownModelError, "no model 'missing'"),
        (["cuts", "TINY", "--picture", "cuts.png"], BadRequestError, "cuts.png is not named as an SVG"),
        (["cuts", "TINY", "--picture", "TINY/cuts.svg"], BadRequestError, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_remedy(
    tiny: Path, tmp_path: Path, arguments: list[str], error: type[Exception], said: str
) -> None:
    named = [argument.replace("TINY", str(tiny)) for argument in arguments]
    result = call(*named, "--library", tmp_path / "library")
    assert isinstance(result.exception, error)
    assert said in str(result.exception)
    assert result.exception.remedy  # type: ignore[attr-defined]

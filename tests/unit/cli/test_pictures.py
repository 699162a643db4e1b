from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.pictures import Picture, find_pictures, name_outputs
from wire.errors import BadRequestError, TooLargeError


def test_a_directory_stands_for_the_pictures_in_and_under_it_sorted(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.JPG", "a.png", "notes.txt", "sub/c.jpeg"):
        (tmp_path / name).touch()
    names = [Path(picture.name).relative_to(tmp_path).as_posix() for picture in find_pictures([str(tmp_path)])]
    assert names == ["a.png", "b.JPG", "sub/c.jpeg"]


def test_a_file_named_by_hand_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    file = tmp_path / "frame.bin"
    file.touch()
    assert (Picture(str(file), file),) == find_pictures([str(file)])


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match=r"nowhere\.jpg does not exist"):
        find_pictures([str(tmp_path / "nowhere.jpg")])


def test_a_directory_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="no picture is in"):
        find_pictures([str(tmp_path)])


def test_standard_input_can_be_named_only_once() -> None:
    with pytest.raises(BadRequestError, match="only once"):
        find_pictures(["-", "-"])


def test_no_more_than_the_limit_is_read_of_a_file_that_is_too_large(tmp_path: Path) -> None:
    file = tmp_path / "large.jpg"
    file.write_bytes(bytes(11))
    assert bytes(11) == Picture("large.jpg", file).read(limit=11)
    with pytest.raises(TooLargeError, match=r"large\.jpg has more than the 10 bytes"):
        Picture("large.jpg", file).read(limit=10)


def test_standard_input_is_read_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\xff\xd8")))
    assert Picture("standard input", None).read(limit=10) == b"\xff\xd8"


def test_a_file_that_cannot_be_read_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="cannot be read"):
        Picture("folder", tmp_path).read(limit=10)


def test_one_picture_goes_to_the_path_given() -> None:
    assert (Path("out.jpg"),) == name_outputs((Picture("a.png", Path("a.png")),), Path("out.jpg"))


def test_several_pictures_go_into_a_directory_and_never_over_each_other() -> None:
    pictures = tuple(Picture(name, Path(name)) for name in ("x/a.png", "y/a.jpg", "b.jpg"))
    expected = (Path("out/a.jpg"), Path("out/a-2.jpg"), Path("out/b.jpg"))
    assert expected == name_outputs((*pictures,), Path("out"))

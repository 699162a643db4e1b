from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from modelkit.digest import sha256_bytes, sha256_file
from modelkit.errors import ModelRejectedError, UnknownModelError
from modelkit.library import Blob, Library
from modelkit.manifest import Artefact, ExpectedClass, InputSpec, KnownAnswer, Manifest

PICTURE = b"a picture of a cat"
WEIGHTS = b"weights " * 100_000


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library")


@pytest.fixture
def manifest(library: Library) -> Manifest:
    """A model that is wholly in the library."""
    weights, picture = library.add_blob(WEIGHTS), library.add_blob(PICTURE)
    manifest = Manifest(
        name="cats",
        version="1",
        task="classify",
        description="",
        licence="",
        origin="",
        labels=("cat",),
        input=InputSpec(width=8, height=8),
        artefacts=(Artefact(variant="cpu-f32", file="cats.tflite", sha256=weights.sha256, bytes=weights.bytes),),
        known_answer=KnownAnswer(
            file="cat.jpg",
            sha256=picture.sha256,
            bytes=picture.bytes,
            top=ExpectedClass(label="cat", score=1, tolerance=0.1),
        ),
    )
    library.save(manifest)
    return manifest


def test_an_empty_library_has_no_models(library: Library) -> None:
    assert library.names() == ()


def test_a_saved_model_is_found_by_name(library: Library, manifest: Manifest) -> None:
    assert library.names() == ("cats",)
    assert manifest == library.manifest("cats")
    assert library.verify("cats") == []


def test_an_unknown_model_names_what_is_near(library: Library, manifest: Manifest) -> None:
    with pytest.raises(UnknownModelError, match="'cast'") as caught:
        library.manifest("cast")
    assert "did you mean cats?" in caught.value.remedy
    assert manifest.name in caught.value.remedy


@pytest.mark.parametrize("name", ["", "../cats", "a/b", "cats.json", "cats\n", "x" * 65])
def test_a_name_is_never_a_path(library: Library, name: str) -> None:
    for lookup in (library.manifest, library.asset):
        with pytest.raises(UnknownModelError):
            lookup(name)


def test_a_blob_is_named_by_its_digest_whether_bytes_or_file(library: Library, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(WEIGHTS)
    blob = library.add_blob(tmp_path / "file")
    assert Blob(sha256_bytes(WEIGHTS), len(WEIGHTS)) == blob == library.add_blob(WEIGHTS)
    assert sha256_file(library.path(blob.sha256)) == blob.sha256
    assert library.has(blob.sha256)
    assert [blob.sha256] == [path.name for path in (library.root / "blobs" / "sha256").iterdir()]


def test_a_blob_that_is_missing_or_no_digest_is_unknown(library: Library) -> None:
    for digest in ("0" * 64, "../../etc/passwd"):
        assert not library.has(digest)
        with pytest.raises(UnknownModelError):
            library.path(digest)


def test_a_failed_copy_leaves_nothing_behind(library: Library, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        library.add_blob(tmp_path)
    assert list((library.root / "blobs" / "sha256").iterdir()) == []


def test_a_missing_blob_is_found_by_verify(library: Library, manifest: Manifest) -> None:
    library.path(manifest.artefacts[0]).unlink()
    (finding,) = library.verify("cats")
    assert "cpu-f32" in finding.subject
    assert "missing" in finding.problem


@pytest.mark.parametrize("damage", [PICTURE[:-1], PICTURE[:-1] + b"!"])
def test_a_damaged_blob_is_found_by_verify(library: Library, manifest: Manifest, damage: bytes) -> None:
    assert manifest.known_answer is not None
    library.path(manifest.known_answer.sha256).write_bytes(damage)
    (finding,) = library.verify("cats")
    assert "known answer" in finding.subject
    assert "expected" in finding.problem


def test_a_manifest_under_another_name_is_refused(library: Library, manifest: Manifest) -> None:
    folder = library.root / "manifests"
    (folder / "dogs.json").write_bytes((folder / f"{manifest.name}.json").read_bytes())
    with pytest.raises(ModelRejectedError, match="'cats', not 'dogs'"):
        library.manifest("dogs")


def test_saving_again_replaces_the_manifest(library: Library, manifest: Manifest) -> None:
    library.save(msgspec.structs.replace(manifest, version="2"))
    assert library.manifest("cats").version == "2"


def test_an_asset_is_a_blob_with_a_name(library: Library) -> None:
    blob = library.add_blob(b"a clip")
    assert library.name_asset("clip", blob.sha256) == library.asset("clip")
    assert library.asset("clip").read_bytes() == b"a clip"
    with pytest.raises(UnknownModelError, match="asset 'clap'"):
        library.asset("clap")

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modelkit.digest import sha256_bytes
from models.packages import Member, Package, PackageUnavailableError, fetch_package, read_member

CONTENT = b"weights"


def wheel() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("inside/weights.bin", CONTENT)
    return file.getvalue()


def tarball() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("inside/weights.bin")
        member.size = len(CONTENT)
        archive.addfile(member, io.BytesIO(CONTENT))
    return file.getvalue()


def pinned(data: bytes, **more: object) -> Package:
    fields = {"registry": "pypi", "name": "thing", "version": "1.0", "file": "thing-1.0-py3-none-any.whl"} | more
    return Package(sha256=sha256_bytes(data), **fields)  # type: ignore[arg-type]


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package index that refuses every connection: port 9 is nobody's."""
    for name in ("PIP_INDEX_URL", "NPM_CONFIG_REGISTRY", "npm_config_registry"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)


@pytest.mark.usefixtures("unreachable")
def test_a_cached_package_needs_no_network(tmp_path: Path) -> None:
    package = pinned(wheel())
    (tmp_path / package.file).write_bytes(wheel())
    said: list[str] = []
    assert tmp_path / package.file == fetch_package(package, tmp_path, said.append)
    assert said == []


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize("registry", ["pypi", "npm"])
def test_a_package_that_cannot_be_had_is_an_error_that_says_what_to_do(tmp_path: Path, registry: str) -> None:
    package = pinned(wheel(), registry=registry)
    with pytest.raises(PackageUnavailableError, match=r"thing 1\.0 could not be fetched") as caught:
        fetch_package(package, tmp_path, print)
    assert f"put {package.file} into {tmp_path}" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("unreachable")
def test_a_damaged_package_in_the_cache_is_never_used(tmp_path: Path) -> None:
    package = pinned(wheel())
    (tmp_path / package.file).write_bytes(b"something else")
    said: list[str] = []
    with pytest.raises(PackageUnavailableError):
        fetch_package(package, tmp_path, said.append)
    assert "damaged" in said[0]


def test_a_fetched_file_with_another_digest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    metadata = "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n"
    with zipfile.ZipFile(wheels / "thing-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("thing-1.0.dist-info/METADATA", metadata)
        archive.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("thing-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    cache = tmp_path / "cache"
    with pytest.raises(PackageUnavailableError, match="its SHA-256 is"):
        fetch_package(pinned(b"other bytes"), cache, print)
    assert list(cache.iterdir()) == []
    good = pinned((wheels / "thing-1.0-py3-none-any.whl").read_bytes())
    assert cache / good.file == fetch_package(good, cache, print)


@pytest.mark.parametrize(("file", "pack"), [("a.whl", wheel), ("a.tgz", tarball)])
def test_a_member_is_read_and_its_digest_checked(tmp_path: Path, file: str, pack: Callable[[], bytes]) -> None:
    (tmp_path / file).write_bytes(pack())
    member = Member(package="a", path="inside/weights.bin", sha256=sha256_bytes(CONTENT))
    assert read_member(tmp_path / file, member) == CONTENT
    with pytest.raises(PackageUnavailableError, match="has SHA-256"):
        read_member(tmp_path / file, Member(package="a", path="inside/weights.bin", sha256="0" * 64))
    with pytest.raises(PackageUnavailableError, match="cannot be read"):
        read_member(tmp_path / file, Member(package="a", path="missing", sha256="0" * 64))


@pytest.mark.parametrize("file", ["a.whl", "a.tgz"])
def test_an_archive_that_is_none_is_refused(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_bytes(b"\x1f\x8bnot an archive")
    with pytest.raises(PackageUnavailableError, match="cannot be read"):
        read_member(tmp_path / file, Member(package="a", path="x", sha256="0" * 64))

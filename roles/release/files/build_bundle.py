# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Builds what nodes install, on the control host: one tar a kind of node, with every wheel in it.

A bundle holds Bramble's own wheel, the wheels of its locked requirements for the node's machine and Python, pip to
install them with, and the installer. The nodes need no package index, no compiler and no pip of their own.

The release's name is its version and a digest of everything that went in, so the same tree always gives the same
release, and whoever reads a node's release knows what runs there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

COMPONENTS = ("agent", "broker", "controller")
FETCH_S = 900
BUILD_S = 120
_TARGET = re.compile(r"(?P<machine>aarch64|x86_64)-cp(?P<major>3)(?P<minor>\d{2})-(?P<parts>[a-z]+(?:\+[a-z]+)*)")
# Newest first, as pip wants each that may serve spelled out.
_LIBCS = ("2_36", "2_35", "2_34", "2_31", "2_28", "2_27", "2_26", "2_24", "2_17")


class BundleError(Exception):
    """A bundle could not be built; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of node: its machine, its Python and what is to run on it."""

    machine: str
    python: tuple[int, int]
    components: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it is written: ``aarch64-cp311-agent+broker``."""
        return f"{self.machine}-cp{self.python[0]}{self.python[1]}-{'+'.join(self.components)}"

    @property
    def markers(self) -> dict[str, str]:
        """The environment against which a requirement's marker is held."""
        version = f"{self.python[0]}.{self.python[1]}"
        return {
            "python_version": version,
            "python_full_version": f"{version}.0",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "implementation_name": "cpython",
            "os_name": "posix",
        }


def parse_target(text: str) -> Target:
    """Read ``<machine>-cp<version>-<component>[+<component>…]``.

    Raises:
        BundleError: it is anything else.

    """
    found = _TARGET.fullmatch(text)
    components = tuple(sorted(set(found["parts"].split("+")))) if found else ()
    if not found or not set(components) <= set(COMPONENTS):
        raise BundleError(
            f"{text!r} is no target: write such as aarch64-cp311-agent+broker, of x86_64 or aarch64 (64-bit ARM; the"
            f" inference runtime has no wheel for 32 bits) and of {', '.join(COMPONENTS)}"
        )
    return Target(found["machine"], (int(found["major"]), int(found["minor"])), components)


def select_requirements(lock: str, target: Target) -> dict[str, str]:
    """Return the lock's requirements that hold for a target, without their markers, hashes included.

    pip evaluates markers for the Python it runs on, not for the one it downloads for: they are evaluated here.

    Returns:
        Pinned requirement to its hash options, such as ``{"numpy==2.4.6": "--hash=sha256:…"}``.

    Raises:
        BundleError: a requirement has no hash.

    """
    chosen: dict[str, str] = {}
    for line in lock.replace("\\\n", " ").splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        spec, *hashes = text.split("--hash=")
        name, _, marker = spec.partition(";")
        if not hashes:
            raise BundleError(f"{name.strip()} has no hash in the lock: run `make lock`")
        if not marker.strip() or Marker(marker).evaluate(target.markers):
            chosen[name.strip()] = " ".join(f"--hash={each.strip()}" for each in hashes)
    return chosen


def name_release(version: str, files: Iterable[tuple[str, bytes]]) -> str:
    """Return ``<version>-<digest>`` over names and contents."""
    digest = hashlib.sha256(version.encode())
    for name, data in sorted(files):
        digest.update(f"\0{name}\0{len(data)}\0".encode())
        digest.update(data)
    return f"{version}-{digest.hexdigest()[:10]}"


def read_sources(root: Path) -> list[tuple[str, bytes]]:
    """Return every file that a bundle's content depends on."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    found = [root / name for name in ("pyproject.toml", "README.md", "LICENSE")]
    found += [root / "requirements" / f"{component}.lock" for component in COMPONENTS]
    found += sorted(Path(__file__).parent.glob("*install*"))
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        found += [path for path in (root / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return [(os.path.relpath(path, root), path.read_bytes()) for path in found]


def build_wheel(root: Path, out: Path) -> Path:
    """Build Bramble's own wheel."""
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)], BUILD_S, cwd=root)
    return next(out.glob("*.whl"))


def fetch_wheels(root: Path, target: Target, out: Path) -> Path:
    """Return the directory of a target's wheels, downloaded where it is not there, each checked against its hash.

    It depends on the locks alone: a release that only changes Bramble itself is built without a network.
    """
    lines = lock_lines(root, target)
    key = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:10]
    wheelhouse = out / "wheelhouse" / f"{target.name}-{key}"
    if wheelhouse.exists():
        return wheelhouse
    wheelhouse.parent.mkdir(parents=True, exist_ok=True)
    platforms = [f"--platform=manylinux_{libc}_{target.machine}" for libc in _LIBCS]
    platforms += [f"--platform=manylinux2014_{target.machine}", f"--platform=linux_{target.machine}"]
    version = f"--python-version={target.python[0]}.{target.python[1]}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    # The lock has decided: a package's upper bound on Python (backports-strenum says < 3.11) is not asked again.
    command += ["--require-hashes", "--ignore-requires-python"]
    command += ["--only-binary=:all:", "--implementation=cp", version, *platforms]
    with tempfile.TemporaryDirectory(prefix="half-", dir=wheelhouse.parent) as scratch:
        half = Path(scratch) / "wheels"
        lock = Path(scratch) / "fetch.lock"
        lock.write_text("\n".join(lines) + "\n", "utf-8")
        _run([*command, "--dest", str(half), "--requirement", str(lock)], FETCH_S)
        half.rename(wheelhouse)
    return wheelhouse


def lock_lines(root: Path, target: Target, *, installer: bool = True) -> list[str]:
    """Return what a target needs, a pinned and hashed requirement a line."""
    locks = [root / "requirements" / f"{component}.lock" for component in target.components]
    locks += [Path(__file__).parent / "installer.lock"] if installer else []
    chosen: dict[str, str] = {}
    for lock in locks:
        chosen |= select_requirements(lock.read_text("utf-8"), target)
    return [f"{name} {hashes}" for name, hashes in sorted(chosen.items())]


def build(root: Path, target: Target, release: str, wheel: Path, out: Path) -> Path:
    """Write one bundle and return its path; a half-written one is never seen."""
    path = _bundle_path(out, release, target)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="half-", dir=out) as scratch:
        stage = Path(scratch) / "stage"
        shutil.copytree(fetch_wheels(root, target, out), stage / "wheels")
        shutil.copy(wheel, stage / "wheels")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        own = f"bramble-edge=={wheel.name.split('-')[1]} --hash=sha256:{digest}"
        lines = [own, *lock_lines(root, target, installer=False)]
        (stage / "requirements.lock").write_text("\n".join(lines) + "\n", "utf-8")
        about = {
            "release": release,
            "machine": target.machine,
            "python": target.python,
            "components": target.components,
        }
        (stage / "release.json").write_text(json.dumps(about, sort_keys=True) + "\n", "utf-8")
        half = Path(scratch) / "bundle.tar"
        pack(stage, half)
        half.replace(path)
    return path


def _bundle_path(out: Path, release: str, target: Target) -> Path:
    return out / release / f"{target.name}.tar"


def pack(directory: Path, out: Path) -> None:
    """Write a directory as a tar that is the same for the same files."""
    with tarfile.open(out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            entry = tarfile.TarInfo(str(path.relative_to(directory)))
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                tar.addfile(entry, file)


def _run(command: Sequence[str], within: float, cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=within, check=False)
    except subprocess.TimeoutExpired as error:
        raise BundleError(f"`{command[2]} {command[3]}` did not end within {within:g} s") from error
    if done.returncode:
        raise BundleError(f"`{' '.join(command[:4])}` ended with {done.returncode}: {done.stderr.strip()[-1500:]}")


def main() -> None:
    """Build what is not there yet; print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="the tree to build from")
    parser.add_argument("--out", type=Path, required=True, help="where bundles are kept")
    parser.add_argument("--target", action="append", required=True, help="such as aarch64-cp311-agent; may be repeated")
    parser.add_argument("--check", action="store_true", help="build nothing, only tell what would be")
    found = parser.parse_args()
    try:
        targets = {parse_target(text) for text in found.target}
        version = tomllib.loads((found.root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
        release = name_release(version, read_sources(found.root))
        paths = {target: _bundle_path(found.out, release, target) for target in targets}
        missing = [target for target in sorted(paths, key=lambda each: each.name) if not paths[target].exists()]
        if missing and not found.check:
            found.out.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="bramble-wheel-") as scratch:
                wheel = build_wheel(found.root, Path(scratch))
                for target in missing:
                    build(found.root, target, release, wheel, found.out)
    except (BundleError, OSError) as error:
        sys.exit(f"error: {error}")
    bundles = {target.name: str(path) for target, path in paths.items()}
    print(json.dumps({"release": release, "changed": bool(missing), "bundles": bundles}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()

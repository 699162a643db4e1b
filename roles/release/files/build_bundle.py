# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Builds what nodes install, on the control host: two bundles a kind of node, with every wheel in them.

An *environment* holds the wheels of the locked requirements for the node's machine and Python, a *release* holds
Bramble's own wheel; both bring pip to install them with. The nodes need no package index, no compiler and no pip of
their own, and a release that only changes Bramble is carried to them in a few MB.

A name is a digest of everything that went in, so the same tree always gives the same release, and whoever reads a
node's release knows what runs there.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

COMPONENTS = ("agent", "broker", "controller", "notify", "traces")
FETCH_S = 900
BUILD_S = 120
KEPT = 3
FETCHED = "fetched.lock"
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


def digest_release(version: str, files: Iterable[tuple[str, bytes]]) -> str:
    """Return the SHA-256 over names and contents."""
    digest = hashlib.sha256(version.encode())
    for name, data in sorted(files):
        digest.update(f"\0{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def read_sources(root: Path) -> list[tuple[str, bytes]]:
    """Return every file that a bundle's content depends on."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    found = [root / name for name in ("pyproject.toml", "README.md", "LICENSE")]
    found += [root / "requirements" / f"{component}.lock" for component in COMPONENTS]
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        found += [path for path in (root / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    own = [path for path in Path(__file__).parent.iterdir() if path.suffix in {".py", ".lock"}]
    return [(os.path.relpath(path, root), path.read_bytes()) for path in found] + [
        (f"roles/release/files/{path.name}", path.read_bytes()) for path in own
    ]


def build_wheel(root: Path, out: Path) -> Path:
    """Build Bramble's own wheel."""
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)], BUILD_S, cwd=root)
    return next(out.glob("*.whl"))


def name_environment(root: Path, target: Target) -> str:
    """Return the target's name and a digest of its locks."""
    digest = hashlib.sha256("\n".join(lock_lines(root, target)).encode())
    return f"{target.name}-{digest.hexdigest()[:10]}"


def fetch_wheels(root: Path, target: Target, out: Path) -> Path:
    """Return the directory of a target's wheels, downloaded where it is not there, each checked against its hash.

    It depends on the locks alone: a release that only changes Bramble itself is built without a network.
    """
    wheelhouse = out / "wheelhouse" / name_environment(root, target)
    if wheelhouse.exists():
        return wheelhouse
    wheelhouse.parent.mkdir(parents=True, exist_ok=True)
    platforms = [f"--platform=manylinux_{libc}_{target.machine}" for libc in _LIBCS]
    platforms += [f"--platform=manylinux2014_{target.machine}", f"--platform=linux_{target.machine}"]
    version = f"--python-version={target.python[0]}.{target.python[1]}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--prefer-binary", "--implementation=cp", version, *platforms]
    wanted = lock_lines(root, target)
    with tempfile.TemporaryDirectory(prefix="half-", dir=wheelhouse.parent) as scratch:
        half = Path(scratch) / "wheels"
        half.mkdir()
        missing = share_wheels(wanted, list_siblings(wheelhouse.parent, target), half)
        if missing:
            lock = Path(scratch) / FETCHED
            lock.write_text("\n".join(missing) + "\n", "utf-8")
            _run([*command, "--dest", str(half), "--requirement", str(lock)], FETCH_S)
            for source in half.glob("*.tar.gz"):
                build_pure(source)
        (half / FETCHED).write_text("\n".join(wanted) + "\n", "utf-8")
        try:
            half.rename(wheelhouse)
        except OSError:
            if not wheelhouse.exists():  # another run was faster; both fetched the same
                raise
    return wheelhouse


def list_siblings(wheelhouses: Path, target: Target) -> list[Path]:
    """Return the wheelhouses of other kinds of node with the same machine and Python."""
    name = f"{target.machine}-cp{target.python[0]}{target.python[1]}-*"
    return sorted(path for path in wheelhouses.glob(name) if (path / FETCHED).exists())


def share_wheels(wanted: Iterable[str], siblings: Iterable[Path], to: Path) -> list[str]:
    """Take over the wheels that were fetched for other kinds of node; return the lines that are still to be fetched.

    What was fetched for the same line of a lock had one of the same hashes.
    """
    at_hand = {}
    for sibling in siblings:
        wheels = {parse_wheel_filename(wheel.name)[:2]: wheel for wheel in sibling.glob("*.whl")}
        for line in (sibling / FETCHED).read_text("utf-8").splitlines():
            requirement = Requirement(line.partition(" ")[0])
            [pinned] = requirement.specifier
            at_hand[line] = wheels[canonicalize_name(requirement.name), Version(pinned.version)]
    missing = []
    for line in wanted:
        if line in at_hand:
            os.link(at_hand[line], to / at_hand[line].name)
        else:
            missing.append(line)
    return missing


def build_pure(source: Path) -> None:
    """Replace a package that is published as source alone by its wheel.

    Raises:
        BundleError: it is not pure Python, so what is built here would not run on a node.

    """
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    with tempfile.TemporaryDirectory(dir=source.parent) as built:
        _run([*pip, "--wheel-dir", built, str(source)], BUILD_S)
        [wheel] = Path(built).iterdir()
        if not wheel.name.endswith("-none-any.whl"):
            raise BundleError(f"{source.name} has no wheel for the nodes, and is not pure Python")
        wheel.rename(source.parent / wheel.name)
    source.unlink()


def lock_wheels(wheels: Iterable[Path]) -> str:
    """Return what a node is to install, with the hashes of the very wheels that it is given; pip itself is not."""
    lines = []
    for wheel in sorted(wheels):
        name, version, _, _ = parse_wheel_filename(wheel.name)
        if name != "pip":
            lines.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    return "".join(lines)


def lock_lines(root: Path, target: Target) -> list[str]:
    """Return what a target needs, pip included, a pinned and hashed requirement a line."""
    locks = [root / "requirements" / f"{component}.lock" for component in target.components]
    locks.append(Path(__file__).parent / "installer.lock")
    chosen: dict[str, str] = {}
    for lock in locks:
        chosen |= select_requirements(lock.read_text("utf-8"), target)
    return [f"{name} {hashes}" for name, hashes in sorted(chosen.items())]


def build_environment(root: Path, target: Target, path: Path, out: Path) -> None:
    """Write the bundle of everything that is not Bramble's own."""
    wheels = sorted(fetch_wheels(root, target, out).glob("*.whl"))
    pack(_describe(target, name_environment(root, target), lock_wheels(wheels)), wheels, path)


def build_release(target: Target, name: str, wheel: Path, pip: Iterable[Path], path: Path, *, digest: str) -> None:
    """Write the bundle of Bramble's own wheel; ``digest`` is that of the sources."""
    pack(_describe(target, name, lock_wheels([wheel]), digest=digest), (wheel, *pip), path)


def _describe(target: Target, name: str, lock: str, **more: str) -> dict[str, bytes]:
    about = {"name": name, "machine": target.machine, "python": target.python, "components": target.components, **more}
    return {"bundle.json": json.dumps(about, sort_keys=True).encode() + b"\n", "requirements.lock": lock.encode()}


def pack(texts: Mapping[str, bytes], wheels: Iterable[Path], out: Path) -> None:
    """Write a tar that is the same for the same files; a half-written one is never seen."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="half-", dir=out.parent) as scratch:
        half = Path(scratch) / "bundle.tar"
        with tarfile.open(half, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, data in sorted(texts.items()):
                tar.addfile(_entry(name, len(data)), io.BytesIO(data))
            for path in sorted(wheels):
                with path.open("rb") as file:
                    tar.addfile(_entry(f"wheels/{path.name}", path.stat().st_size), file)
        half.replace(out)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry


def list_superfluous(found: Iterable[tuple[str, float]], used: Collection[str]) -> list[str]:
    """Return what may go, so that of each kind (a name without its digest) the ``KEPT`` last used ones stay.

    Args:
        found: names and when each was last used.
        used: names in use now; they never go.

    """
    kinds: dict[str, list[str]] = {}
    for name, _ in sorted(found, key=lambda item: item[1], reverse=True):
        kinds.setdefault(name.rpartition("-")[0], []).append(name)
    return [name for names in kinds.values() for name in names[KEPT:] if name not in used]


def prune(directory: Path, used: Collection[str]) -> None:
    """Remove old bundles or wheels; mark those in use as used now."""
    if not directory.is_dir():
        return
    for name in used:
        if (directory / name).exists():
            os.utime(directory / name)
    found = [(each.name, each.stat().st_mtime) for each in directory.iterdir() if not each.name.startswith("half-")]
    for name in list_superfluous(found, used):
        shutil.rmtree(directory / name)


def _run(command: Sequence[str], within: float, cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=within, check=False)
    except subprocess.TimeoutExpired as error:
        raise BundleError(f"`{command[2]} {command[3]}` did not end within {within:g} s") from error
    if done.returncode:
        raise BundleError(f"`{' '.join(command[:4])}` ended with {done.returncode}: {done.stderr.strip()[-1500:]}")


def build_missing(root: Path, out: Path, targets: Iterable[Target], *, check: bool) -> dict[str, object]:
    """Build what is not there yet, remove what is old, and return what there is; ``check`` only tells what would be."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    digest = digest_release(version, read_sources(root))
    release = f"{version}-{digest[:10]}"
    environments = {target: name_environment(root, target) for target in targets}
    paths = {target: (out / "environments" / name / "bundle.tar", out / "releases" / release / f"{target.name}.tar")
             for target, name in environments.items()}  # fmt: skip
    missing = sorted((target for target in paths if not all(path.exists() for path in paths[target])),
                     key=lambda target: target.name)  # fmt: skip
    if missing and not check:
        with tempfile.TemporaryDirectory(prefix="bramble-wheel-") as scratch:
            wheel = build_wheel(root, Path(scratch))
            for target in missing:
                environment_path, release_path = paths[target]
                if not environment_path.exists():
                    build_environment(root, target, environment_path, out)
                pip = fetch_wheels(root, target, out).glob("pip-*.whl")
                build_release(target, release, wheel, pip, release_path, digest=digest)
    if not check:
        prune(out / "environments", environments.values())
        prune(out / "wheelhouse", environments.values())
        prune(out / "releases", [release])
    bundles = {
        target.name: {"environment": str(paths[target][0]), "environment_name": name, "release": str(paths[target][1])}
        for target, name in environments.items()
    }
    return {"release": release, "changed": bool(missing), "bundles": bundles}


def main() -> None:
    """Build what is not there yet; print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="the tree to build from")
    parser.add_argument("--out", type=Path, required=True, help="where bundles are kept")
    parser.add_argument("--target", action="append", required=True, help="such as aarch64-cp311-agent; may be repeated")
    parser.add_argument("--check", action="store_true", help="build nothing, only tell what would be")
    found = parser.parse_args()
    try:
        answer = build_missing(found.root, found.out, map(parse_target, found.target), check=found.check)
    except (BundleError, OSError) as error:
        sys.exit(f"error: {error}")
    print(json.dumps(answer))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()

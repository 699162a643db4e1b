# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Installs a bundle on a node: a virtual environment of the system's Python, from the bundle's wheels alone.

    python3 install_bundle.py ENVIRONMENT.tar /opt/bramble/environments/NAME
    python3 install_bundle.py RELEASE.tar /opt/bramble/releases/NAME /opt/bramble/environments/NAME

A release stands on an environment: it sees its packages and has its programs beside its own. ``bundle.json`` is written
last: a directory without it is a broken attempt and is made again. The bundle itself is taken away: it is as large as
what came of it. Nothing but the standard library is used, and no network.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

INSTALL_S = 900
IMPORTS = {
    "agent": "edge_agent.agent, ai_edge_litert.interpreter",
    "broker": "wire, witness.__main__",
    "controller": "controller.controller",
    "notify": "notifier.mqtt, notifier.notifier",
    "traces": "controller.tracing.otlp",
}


def main(bundle: Path, destination: Path, environment: Path | None = None) -> None:
    """Install, or end with a message and status 1."""
    destination.parent.mkdir(exist_ok=True, mode=0o755)
    with tempfile.TemporaryDirectory(prefix="bramble-install-", dir=destination.parent) as scratch:
        stage = Path(scratch)
        unpack(bundle, stage)
        about = json.loads((stage / "bundle.json").read_text("utf-8"))
        here = (platform.machine(), list(sys.version_info[:2]))
        if here != (about["machine"], about["python"]):
            wanted = f"{about['machine']} with Python {'.'.join(map(str, about['python']))}"
            sys.exit(f"error: the bundle is for {wanted}; this is {here[0]} with {platform.python_version()}")
        if destination.exists():
            shutil.rmtree(destination)
        run([sys.executable, "-m", "venv", "--without-pip", str(destination)])
        python = str(destination / "bin" / "python")
        pip = next((stage / "wheels").glob("pip-*.whl"))
        install = [python, str(pip / "pip"), "--quiet", "--disable-pip-version-check", "--no-cache-dir", "install"]
        install += ["--no-index", f"--find-links={stage / 'wheels'}", "--no-deps", "--require-hashes", "--no-compile"]
        run([*install, "--requirement", str(stage / "requirements.lock")])
    compile_modules(destination)
    if environment is not None:
        stand_on(environment, destination)
        for component in about["components"]:
            run([python, "-P", "-c", f"import {IMPORTS[component]}"])
    half = destination / "bundle.json.half"
    with half.open("w", encoding="utf-8") as file:
        json.dump(about, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    half.replace(destination / "bundle.json")


def unpack(bundle: Path, stage: Path) -> None:
    """Unpack plain files, and nothing outside the directory."""
    with tarfile.open(bundle) as tar:
        for entry in tar:
            path = PurePosixPath(entry.name)
            if not entry.isfile() or path.is_absolute() or ".." in path.parts:
                sys.exit(f"error: {bundle} holds {entry.name!r}, which is no plain file inside it")
            source = tar.extractfile(entry)
            if source is None:
                sys.exit(f"error: {entry.name} in {bundle} cannot be read")
            target = stage / path
            target.parent.mkdir(exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(source, file)


def compile_modules(destination: Path) -> None:
    """Compile on every core what pip would on one, for units that may not write; nobody runs the packages' own tests.

    A module that does not compile is no reason to stop, as it is none for pip: what is needed is imported afterwards.
    """
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0", "-x", r"/tests?/", str(destination / "lib")]
    subprocess.run(command, capture_output=True, timeout=INSTALL_S, check=False)


def stand_on(environment: Path, release: Path) -> None:
    """Have the release find the environment's packages, and offer its programs."""
    [packages] = environment.glob("lib/python3.*/site-packages")
    own = release / packages.relative_to(environment)
    (own / "bramble-environment.pth").write_text(f"{packages}\n", "utf-8")
    (release / "environment").symlink_to(environment)
    for program in sorted((environment / "bin").iterdir()):
        here = release / "bin" / program.name
        if not here.exists():
            here.symlink_to(program)


def run(command: list[str]) -> None:
    """Run one step; end with its words where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode:
        sys.exit(f"error: `{' '.join(command[:5])}` ended with {done.returncode}: {done.stderr.strip()[-1500:]}")


if __name__ == "__main__":
    given = list(map(Path, sys.argv[1:]))
    try:
        main(*given)
    finally:
        given[0].unlink(missing_ok=True)

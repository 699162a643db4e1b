"""An aarch64 node under emulation: the programs of a bundle, installed and run in an aarch64 Debian root.

    unshare --mount --pid --fork --kill-child --propagation private \\
      python -m tests.hosts.emulated --state DIR --environment FILE --release FILE --files DIR 'PROGRAM ARGUMENT…' …

installs the bundles as the role does, prints one line of JSON with the seconds that took, starts the programs, and runs
until its standard input ends. The kernel hands aarch64 programs to qemu; that registration is made where it is missing,
and taken back at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.hosts.base import KINDS, BedError, make_base, run

BINFMT = Path("/proc/sys/fs/binfmt_misc")
INSTALLER = Path(__file__).parents[2] / "roles/release/files/install_bundle.py"
ENVIRONMENT = "/opt/bramble/environments/emulated"
RELEASE = "/opt/bramble/releases/emulated"
INSTALL_S = 900.0
STOP_S = 30.0


def find_rule() -> Path | None:
    """Return the rule that Debian's qemu-user-static brings for the kernel; None where it is not installed."""
    return next((path for name in ("usr/lib", "usr/local/lib", "etc")
                 if (path := Path("/", name, "binfmt.d/qemu-aarch64.conf")).exists()), None)  # fmt: skip


@contextlib.contextmanager
def emulation() -> Iterator[None]:
    """Have the kernel run aarch64 programs.

    Raises:
        BedError: it does not, and there is no qemu to hand them to.

    """
    if platform.machine() == "aarch64":
        yield
        return
    if not (BINFMT / "register").exists():
        run("mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT)
    known = BINFMT / "qemu-aarch64"
    missing = not known.exists()
    if missing:
        rule = find_rule()
        if rule is None:
            raise BedError("no emulator: apt-get install --no-install-recommends qemu-user-static")
        (BINFMT / "register").write_text(rule.read_text())
    try:
        yield
    finally:
        if missing:
            known.write_text("-1")


def furnish(state: Path) -> Path:
    """Return a root of the node's own over the shared one."""
    root, upper, work = state / "root", state / "upper", state / "work"
    for directory in (root, upper, work):
        directory.mkdir(parents=True)
    layers = f"lowerdir={KINDS['arm64'].path},upperdir={upper},workdir={work},volatile"
    run("mount", "-t", "overlay", "bramble-emulated", "-o", layers, root)
    run("mount", "-t", "proc", "proc", root / "proc")
    run("mount", "--rbind", "/dev", root / "dev")
    return root


def install(root: Path, environment: Path, release: Path) -> float:
    """Install the bundles with the role's own program; return the seconds it took."""
    place = root / "opt/bramble"
    place.mkdir(parents=True)
    shutil.copy(environment, place / "environment.tar")
    shutil.copy(release, place / "release.tar")
    shutil.copy(INSTALLER, place)
    started = time.monotonic()
    inside = ("chroot", root, "python3", "/opt/bramble/install_bundle.py")
    run(*inside, "/opt/bramble/environment.tar", ENVIRONMENT, within=INSTALL_S)
    run(*inside, "/opt/bramble/release.tar", RELEASE, ENVIRONMENT, within=INSTALL_S)
    return time.monotonic() - started


def main() -> None:
    """Make the node, and run its programs until standard input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base", action="store_true", help="only make the root, which takes a network")
    parser.add_argument("--state", type=Path)
    parser.add_argument("--environment", type=Path)
    parser.add_argument("--release", type=Path)
    parser.add_argument("--files", type=Path, help="a directory of files to be had as /etc/bramble")
    parser.add_argument("programs", nargs="*", help="a program of the release with its arguments, as one word")
    found = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    running: list[subprocess.Popen[bytes]] = []
    try:
        with emulation():
            if found.base:
                make_base(KINDS["arm64"])
                return
            root = furnish(found.state)
            shutil.copytree(found.files, root / "etc/bramble")
            took = install(root, found.environment, found.release)
            for number, program in enumerate(found.programs):
                words = ["chroot", str(root), f"{RELEASE}/bin/{program.split()[0]}", *shlex.split(program)[1:]]
                with (found.state / f"program-{number}.log").open("wb") as log:
                    running.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
            print(json.dumps({"installed_s": round(took, 1)}), flush=True)  # noqa: T201 - the answer
            sys.stdin.read()
            for process in running:
                process.terminate()
            for process in running:
                process.wait(STOP_S)
    except (BedError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

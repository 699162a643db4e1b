"""Debian roots that test hosts start from, each made once with debootstrap and kept.

python -m tests.hosts.base amd64     # make it, which takes a network, and tell where it is
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"
USER = "pi"
CACHE = Path("/var/cache/bramble-bed")
MAKE_S = {"amd64": 900.0, "arm64": 2700.0}  # every program of an arm64 root is emulated
_NODE_PACKAGES = (
    "ca-certificates", "dbus", "iproute2", "libpam-systemd", "openssh-server", "procps", "python3", "sudo", "systemd",
    "systemd-sysv", "systemd-timesyncd", "udev",
)  # fmt: skip
# It mounts into what it makes: however this process ends, none of that stays for a later run to delete through.
_APART = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
          "--propagation", "private")  # fmt: skip
# What a container cannot do, and what would make noise in a comparison of before and after.
_MASKED = (
    "apt-daily-upgrade.timer", "apt-daily.timer", "console-getty.service", "dev-hugepages.mount",
    "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "getty.target",
    "proc-sys-fs-binfmt_misc.automount", "sys-fs-fuse-connections.mount", "sys-kernel-config.mount",
    "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "systemd-modules-load.service",
    "systemd-udev-trigger.service", "systemd-udevd.service",
)  # fmt: skip


class BedError(Exception):
    """The hosts could not be made; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of root."""

    architecture: str
    packages: tuple[str, ...]
    boots: bool  # has systemd, sshd and a user who may sudo

    @property
    def path(self) -> Path:
        """Where it is kept; another content has another name."""
        words = (SUITE, self.architecture, *self.packages, *((*_MASKED, USER) if self.boots else ()))
        return CACHE / f"{SUITE}-{self.architecture}-{hashlib.sha256(' '.join(words).encode()).hexdigest()[:12]}"


KINDS = {"amd64": Kind("amd64", _NODE_PACKAGES, boots=True), "arm64": Kind("arm64", ("python3",), boots=False)}


def run(*command: str | Path, within: float = 60.0, data: str | None = None) -> str:
    """Run a command and return its output.

    Raises:
        BedError: it failed or took longer than ``within`` seconds.

    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=within, input=data, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BedError(f"{words[0]}: {error}") from error
    if done.returncode:
        raise BedError(f"{' '.join(words)} ended with {done.returncode}: {(done.stderr or done.stdout)[-800:]}")
    return done.stdout


def make_base(kind: Kind) -> Path:
    """Return the root, made where it is not there.

    Raises:
        BedError: debootstrap failed.

    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{kind.architecture}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kind.path.exists():
            half = CACHE / f"half-{kind.path.name}"
            shutil.rmtree(half, ignore_errors=True)
            options = ("--variant=minbase", f"--arch={kind.architecture}", f"--include={','.join(kind.packages)}")
            run(*_APART, "debootstrap", *options, SUITE, half, within=MAKE_S[kind.architecture])
            if kind.boots:
                _furnish(half)
            _clear(half)
            half.rename(kind.path)
    return kind.path


def _furnish(root: Path) -> None:
    run("chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", USER)
    sudoers = root / "etc/sudoers.d" / USER
    sudoers.write_text(f"{USER} ALL=(ALL) NOPASSWD:ALL\n")
    sudoers.chmod(0o440)
    for secret in (root / "etc/ssh").glob("ssh_host_*"):
        secret.unlink()
    (root / "etc/machine-id").write_text("")
    (root / "var/lib/dbus/machine-id").unlink(missing_ok=True)
    (root / "etc/ssh/sshd_config.d/bed.conf").write_text("UseDNS no\nPasswordAuthentication no\n")
    units = root / "etc/systemd/system"
    for unit in _MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    (units / "default.target").unlink(missing_ok=True)
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")


def _clear(root: Path) -> None:
    shutil.rmtree(root / "var/lib/apt/lists")
    (root / "var/lib/apt/lists").mkdir()
    for package in (root / "var/cache/apt/archives").glob("*.deb"):
        package.unlink()


def main(architecture: str) -> None:
    """Make a root."""
    try:
        print(make_base(KINDS[architecture]))  # noqa: T201 - the answer
    except BedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1])

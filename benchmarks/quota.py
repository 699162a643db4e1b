"""Part of a processor for a process and its children, by cgroups; the machine lets root do that, or it says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUOTA_US = 1_000
"""A turn on the processor, the shortest the kernel allows: a node that has used it up stands still for the rest of the
period, which a slow processor does not, so turns and standstills must be short beside a frame."""
_WEIGHT = 16  # of all groups together, in processes: else they would weigh as one
_REST = "rest"

_ROOT = Path("/sys/fs/cgroup")


class QuotaUnavailableError(RuntimeError):
    """This machine or this user cannot limit processes."""


class Quotas:
    """Groups of processes, each with its share of one processor."""

    def __init__(self, directory: Path, *, unified: bool) -> None:
        self._directory = directory
        self._unified = unified

    def add(self, name: str, pid: int) -> None:
        """Put a process into a group of its own, which is not limited yet."""
        group = self._directory / name
        group.mkdir(exist_ok=True)
        (group / "cgroup.procs").write_text(str(pid))

    def join(self, *pids: int) -> None:
        """Put processes beside the groups, this one too: the broker must not starve where the nodes do not."""
        for pid in (os.getpid(), *pids):
            self.add(_REST, pid)

    def limit(self, name: str, share: float) -> None:
        """Give the group so much of one processor from now on."""
        period = round(QUOTA_US / share)
        group = self._directory / name
        if self._unified:
            (group / "cpu.max").write_text(f"{QUOTA_US} {period}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(period))
            (group / "cpu.cfs_quota_us").write_text(str(QUOTA_US))

    def remove(self) -> None:
        """Remove the groups, whose processes have ended but for this one."""
        (_ROOT / "cgroup.procs" if self._unified else _ROOT / "cpu" / "cgroup.procs").write_text(str(os.getpid()))
        for group in self._directory.iterdir():
            if group.is_dir():
                group.rmdir()
        self._directory.rmdir()


@contextmanager
def open_quotas() -> Iterator[Quotas]:
    """Make a place for groups, for the time of a ``with``.

    Raises:
        QuotaUnavailableError: cgroups are not there, or not ours to make.

    """
    unified = (_ROOT / "cgroup.controllers").exists()
    directory = (_ROOT if unified else _ROOT / "cpu") / f"bramble-bench-{os.getpid()}"
    try:
        directory.mkdir()
        if unified:
            (directory / "cgroup.subtree_control").write_text("+cpu")
            (directory / "cpu.weight").write_text(str(100 * _WEIGHT))
        else:
            (directory / "cpu.shares").write_text(str(1024 * _WEIGHT))
    except OSError as error:
        raise QuotaUnavailableError(f"cgroups cannot be made here: {error}") from error
    quotas = Quotas(directory, unified=unified)
    try:
        yield quotas
    finally:
        quotas.remove()

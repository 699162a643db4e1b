"""A file system of a few MiB, so that a disk can be full; only root may mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MOUNT_S = 10


@contextmanager
def mount_small(where: Path, mib: int) -> Iterator[None]:
    """Mount it at ``where`` for the time of the block; skips the test where that cannot be done."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small file system can only be mounted by root")
    where.mkdir()
    options = ("-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(where))
    done = subprocess.run(["mount", *options], capture_output=True, text=True, timeout=MOUNT_S, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True, timeout=MOUNT_S)


def fill_up(file: Path) -> None:
    """Write to a file until nothing more fits on its disk."""
    with file.open("wb", buffering=0) as ballast:
        for size in (1 << 20, 4096, 1):
            try:
                while ballast.write(bytes(size)) == size:
                    pass
            except OSError:
                continue

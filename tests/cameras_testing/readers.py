"""Finds the processes that read cameras."""

from __future__ import annotations

import psutil

from controller.cameras.zygote import READER_NAME

ZYGOTE = "controller.cameras.zygote"


def find_readers(of: psutil.Process | None = None) -> list[psutil.Process]:
    """All readers that this process, or another, has running."""
    return [each for each in _descend(of) if each.name() == READER_NAME]


def find_zygotes(of: psutil.Process | None = None) -> list[psutil.Process]:
    """What readers are forked from; one that was forked this instant is called as they are, but is no child of ours."""
    parent = of or psutil.Process()
    return [each for each in _descend(parent) if ZYGOTE in each.cmdline() and each.ppid() == parent.pid]


def _descend(of: psutil.Process | None) -> list[psutil.Process]:
    found = []
    for process in (of or psutil.Process()).children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                process.cmdline()
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found

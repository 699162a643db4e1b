"""The witness's settings: one frozen value, read once from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """How this witness runs."""

    context: str | None  # name or path of a nats context
    server_log: Path
    server_monitor: str  # URL; empty: it is not asked
    memory: Path | None  # where it keeps how far it has read; None: it begins at the log's end
    log_level: str
    journal: bool


def parse_settings(arguments: Sequence[str] | None = None) -> Settings:
    """Read the command line; unknown options end the program with a usage message."""
    parser = argparse.ArgumentParser(
        prog="bramble-witness",
        description="Puts on the record what the nats-server on this machine refuses, where no controller does.",
    )
    parser.add_argument("--server-log", type=Path, required=True, metavar="FILE", help="the server's log")
    parser.add_argument(
        "--server-monitor", default="", metavar="URL",
        help="its monitoring endpoint, which tells whose encryption failed, as the log does not always",
    )  # fmt: skip
    parser.add_argument(
        "--memory", type=Path, metavar="FILE", help="where to keep how far the log was read, for the next start"
    )
    parser.add_argument("--context", help="name or path of a nats context")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    parser.add_argument("--journal", action="store_true", help="leave time stamps to the journal")
    found = parser.parse_args(arguments)
    return Settings(
        context=found.context,
        server_log=found.server_log,
        server_monitor=found.server_monitor,
        memory=found.memory,
        log_level=found.log_level,
        journal=found.journal,
    )

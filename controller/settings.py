"""The controller's settings: one frozen value, read once from the command line."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.desks.rates import check_rate
from controller.jobs.streams import check_disk
from wire.ids import check_token

RECORD_DISK = 128 << 20
"""Some 300,000 entries."""

MAX_RECORD_DISK = 1 << 40


@dataclass(frozen=True, slots=True)
class Settings:
    """How this controller runs."""

    id: str
    context: str | None  # name or path of a nats context
    metrics_host: str
    metrics_port: int  # 0: any free port
    jobs_disk: int  # bytes that durable jobs may take on the server's disk
    client_rate: float  # requests a second that one client may make; 0: any
    log_level: str
    journal: bool
    traces: str = ""  # OTLP/HTTP address of a collector; empty: no tracing
    server_log: Path | None = None  # of a nats-server on this machine: its refusals go on the record
    server_monitor: str = ""  # URL of its monitoring endpoint: so do failures of encryption
    traces_ratio: float = 1.0  # share of the frames that are followed
    record_disk: int = RECORD_DISK  # bytes that the record may take on the server's disk
    witnesses: tuple[str, ...] = ()  # users of the witnesses that are to be there, beside servers without a controller


def parse_settings(arguments: Sequence[str] | None = None) -> Settings:
    """Read the command line; unknown options end the program with a usage message.

    Raises:
        BadRequestError: the id cannot be part of a subject, or a limit makes no sense.

    """
    parser = argparse.ArgumentParser(
        prog="bramble-controller", description="Takes in cameras, dispatches their frames and collects one result each."
    )
    parser.add_argument("--id", default=socket.gethostname().partition(".")[0], help="this controller's name")
    parser.add_argument(
        "--context", help="name or path of a nats context (default: NATS_CONTEXT, then the selected one)"
    )
    parser.add_argument("--metrics-host", default="127.0.0.1", help="address for /metrics, /healthz and /readyz")
    parser.add_argument("--metrics-port", type=int, default=9464, help="its port; 0 takes a free one")
    parser.add_argument(
        "--jobs-disk", type=int, default=1 << 30, help="bytes of the server's storage that durable jobs may take"
    )
    parser.add_argument(
        "--record-disk", type=read_room, default=RECORD_DISK, metavar="BYTES",
        help="bytes of the server's storage that the record may take; when it is full it takes no more",
    )  # fmt: skip
    parser.add_argument(
        "--witness", action="append", default=[], metavar="USER",
        help="the witness of a server without a controller, missed when it says nothing; may be given more than once",
    )  # fmt: skip
    parser.add_argument("--traces", default="", metavar="URL", help="OTLP/HTTP address of a collector for traces")
    parser.add_argument("--traces-ratio", type=read_share, default=1.0, metavar="SHARE", help="share of frames traced")
    parser.add_argument(
        "--client-rate", type=float, default=500.0, help="requests a second that one client may make; 0: any number"
    )
    parser.add_argument(
        "--server-log", type=Path, metavar="FILE", help="a nats-server's log: what it refuses goes on the record"
    )
    parser.add_argument(
        "--server-monitor", default="", metavar="URL",
        help="its monitoring endpoint: connections whose encryption fails go on the record",
    )  # fmt: skip
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    parser.add_argument("--journal", action="store_true", help="leave time stamps to the journal")
    found = parser.parse_args(arguments)
    return Settings(
        id=check_token(found.id, "controller id"),
        context=found.context,
        metrics_host=found.metrics_host,
        metrics_port=found.metrics_port,
        jobs_disk=check_disk(found.jobs_disk),
        client_rate=check_rate(found.client_rate),
        log_level=found.log_level,
        journal=found.journal,
        server_log=found.server_log,
        server_monitor=found.server_monitor,
        traces=found.traces,
        traces_ratio=found.traces_ratio,
        record_disk=found.record_disk,
        witnesses=tuple(check_token(each, "witness") for each in found.witness),
    )


def read_room(text: str) -> int:
    """Read the record's room for argparse, in bytes.

    Raises:
        argparse.ArgumentTypeError: it is no number, less than it would have by itself, or beyond reason.

    """
    if not text.isdecimal() or not RECORD_DISK <= int(text) <= MAX_RECORD_DISK:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes from {RECORD_DISK} to {MAX_RECORD_DISK}")
    return int(text)


def read_share(text: str) -> float:
    """Read a share for argparse.

    Raises:
        argparse.ArgumentTypeError: it is not a number from 0 to 1.

    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value

"""A recorded session: what a cluster told, when, one JSON object a line, compressed. It holds no pictures."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import msgspec

from wire.audit import Entry
from wire.errors import BadRequestError
from wire.jobs import JobOutcome, JobsReport
from wire.log_lines import Mute, Told
from wire.messages import Event, NotNegative, Result
from wire.status import ClusterStatus

MAX_BYTES = 64 << 20
"""More than this, unpacked, is no recording of ours."""


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", omit_defaults=True):
    t: NotNegative  # seconds since the recording began


class StatusRecord(_Record, frozen=True, tag="status"):
    """The controller's answer to ``control.cluster.status``."""

    status: ClusterStatus


class EventRecord(_Record, frozen=True, tag="event"):
    """An event of a node or a camera."""

    source: str
    event: Event


class ResultRecord(_Record, frozen=True, tag="result"):
    """A result."""

    result: Result


class JobsRecord(_Record, frozen=True, tag="jobs"):
    """The batches of jobs."""

    report: JobsReport


class FailuresRecord(_Record, frozen=True, tag="failures"):
    """Why jobs of a batch failed."""

    batch: str
    outcomes: tuple[JobOutcome, ...]


class EntriesRecord(_Record, frozen=True, tag="entries"):
    """What was put on the record."""

    entries: tuple[Entry, ...]


class LogsRecord(_Record, frozen=True, tag="logs"):
    """What programs logged since the last such record, and which of them told nothing."""

    lines: tuple[Told, ...] = ()
    mute: tuple[Mute, ...] = ()


Record = StatusRecord | EventRecord | ResultRecord | JobsRecord | FailuresRecord | EntriesRecord | LogsRecord


def write_recording(records: Iterable[Record], path: Path) -> None:
    """Write a recording; the same records give the same bytes."""
    lines = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
    path.write_bytes(gzip.compress(lines, mtime=0))


def read_recording(data: bytes) -> tuple[Record, ...]:
    """Read a recording.

    Raises:
        BadRequestError: the bytes are anything else, or unpack to more than MAX_BYTES.

    """
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        lines = unpacker.decompress(data, MAX_BYTES)
        if not unpacker.eof:
            raise BadRequestError(f"the recording is cut off, or unpacks to more than {MAX_BYTES} bytes")
        decoder = msgspec.json.Decoder(Record)
        records = tuple(decoder.decode(line) for line in lines.splitlines())
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(f"this is not a recorded session: {error}") from error
    if not records or not isinstance(records[0], StatusRecord):
        raise BadRequestError(
            "a recorded session begins with a status", remedy="record one with `python -m tui.record`"
        )
    return records


def load_demo() -> tuple[Record, ...]:
    """Return the session that comes with the dashboard."""
    return read_recording(files("tui").joinpath("demo.jsonl.gz").read_bytes())

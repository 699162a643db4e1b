"""Streams out of the servers into files, and back: consistent while everything runs, and independent of who keeps them.

The server packs a stream with its consumers, so unfinished work is unfinished again afterwards. The protocol is the one
of ``nats stream backup``: https://docs.nats.io/reference/reference-protocols/nats_api_reference
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from nats.aio.msg import Msg

from wire.bus.link import Link
from wire.errors import AnswerTimeoutError, BadRequestError, BusError, NoRespondersError

CHUNK = 128 << 10
ASK_S = 10.0
STALL_S = 30.0
"""How long the server may say nothing before a snapshot is given up."""
POLL_S = 0.05
TRIES = 3

_API = "$JS.API.STREAM"


class SnapshotAbout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands beside a packed stream: all that the server wants to know when it takes it back."""

    name: str
    sha256: str
    config: dict[str, Any]
    state: dict[str, Any]


async def list_streams(link: Link) -> tuple[str, ...]:
    """Return the names of all streams, those of buckets and object stores among them.

    Raises:
        BusError: JetStream does not answer.

    """
    names: list[str] = []
    while True:
        answer = await _ask(link, f"{_API}.NAMES", {"offset": len(names)})
        names += answer.get("streams") or ()
        if len(names) >= answer["total"]:
            return tuple(sorted(names))


async def save_stream(link: Link, name: str, directory: Path) -> int:
    """Write ``<name>.snapshot`` and ``<name>.json`` into the directory; return the packed bytes.

    Raises:
        BusError: the server refused, or fell silent.

    """
    chunks: asyncio.Queue[Msg] = asyncio.Queue()
    client = link.client
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, cb=chunks.put, pending_bytes_limit=-1)
    packed = directory / f"{name}.snapshot"
    try:
        wanted = {"deliver_subject": inbox, "chunk_size": CHUNK, "no_consumers": False}
        answer = await _ask(link, f"{_API}.SNAPSHOT.{name}", wanted)
        with packed.open("wb") as file:
            digest, size = await _take(link, name, chunks, file)
    finally:
        await subscription.unsubscribe()
    about = SnapshotAbout(name=name, sha256=digest, config=answer["config"], state=answer["state"])
    (directory / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n")
    return size


async def _take(link: Link, name: str, chunks: asyncio.Queue[Msg], file: BinaryIO) -> tuple[str, int]:
    """Write what comes until the end, acknowledging each chunk, for the server waits for that."""
    digest, size = hashlib.sha256(), 0
    while True:
        try:
            chunk = await asyncio.wait_for(chunks.get(), STALL_S)
        except TimeoutError as error:
            raise BusError(f"the server fell silent while it packed {name}", remedy="try again") from error
        if not chunk.data:
            status = (chunk.headers or {}).get("Status", "204")
            if status != "204":
                raise BusError(f"the server gave up packing {name}: status {status}", remedy="try again")
            return digest.hexdigest(), size
        digest.update(chunk.data)
        size += len(chunk.data)
        await asyncio.to_thread(file.write, chunk.data)
        if chunk.reply:
            await link.publish(chunk.reply)


def read_about(path: Path) -> SnapshotAbout:
    """Read what stands beside a packed stream, and hold the packed bytes against it.

    Raises:
        BadRequestError: it cannot be read, or the packed stream is not the one that was saved.

    """
    try:
        about = msgspec.json.decode(path.read_bytes(), type=SnapshotAbout)
        with path.with_suffix(".snapshot").open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, msgspec.MsgspecError) as error:
        raise BadRequestError(f"{path} cannot be restored: {error}", remedy="take another backup") from error
    if digest != about.sha256 or path.stem != about.name:
        raise BadRequestError(
            f"{path.with_suffix('.snapshot')} is not what was saved: its SHA-256 is {digest[:12]}…",
            remedy="take another backup, this one was changed or is broken",
        )
    return about


async def restore_stream(link: Link, about: SnapshotAbout, directory: Path, *, replicas: int) -> int:
    """Put a stream back in place of the one of that name; return its messages.

    Args:
        link: the connection.
        about: of :func:`read_about`.
        directory: where the packed stream is.
        replicas: how many servers are to keep it, not how many did: see :func:`wire.bus.replicas.count_replicas`.

    Raises:
        BusError: the server refused, or fell silent.

    """
    subject = await _make_room(link, about, replicas)
    with (directory / f"{about.name}.snapshot").open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            refusal = await _hand_over(link, subject, chunk)
            if refusal.startswith(b"-ERR"):
                raise BusError(f"the server does not take {about.name} back: {refusal.decode(errors='replace')}")
    return int((await _ask(link, subject, None))["state"]["messages"])


async def _make_room(link: Link, about: SnapshotAbout, replicas: int) -> str:
    """Have the servers expect a stream in place of the one of that name; return the subject that takes its pieces.

    Servers that found each other a moment ago may lose the answer: then what they began is deleted, and asked for anew.
    """
    question = {"config": about.config | {"num_replicas": replicas}, "state": about.state}
    tries = 0
    while True:
        if about.name in await list_streams(link):
            await _ask(link, f"{_API}.DELETE.{about.name}", {})
        try:
            return str((await _ask(link, f"{_API}.RESTORE.{about.name}", question))["deliver_subject"])
        except AnswerTimeoutError:
            tries += 1
            if tries == TRIES:
                raise


async def _hand_over(link: Link, subject: str, chunk: bytes) -> bytes:
    """Send a piece to the server that takes the stream back; return what that says.

    It may be another server than ours, which then hears of its subscription some time after its answer.
    """
    until = time.monotonic() + ASK_S
    while True:
        try:
            return (await link.request(subject, chunk, within=STALL_S)).data
        except NoRespondersError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(POLL_S)


async def _ask(link: Link, subject: str, question: object) -> dict[str, Any]:
    """Ask JetStream's API; its errors are raised."""
    payload = b"" if question is None else msgspec.json.encode(question)
    try:
        received = await link.request(subject, payload, within=ASK_S if question is not None else STALL_S)
        answer = msgspec.json.decode(received.data, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise BusError(f"{subject} was answered with something else: {error}") from error
    if refused := answer.get("error"):
        raise BusError(f"{subject} was refused: {refused.get('description')}")
    return answer

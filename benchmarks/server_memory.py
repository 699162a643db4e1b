"""What nats-server keeps in memory, by what it is asked to do: hours of it in minutes, by its own profile.

    python -m benchmarks.server_memory [--rounds 4] [--json FILE]

One kind of load after another, each on a real server of its own with the settings of a local cluster. The live heap is
what is left after a garbage collection; so neither the machine's load nor Go's garbage is in these figures.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.harness.record import write_record
from controller.audit.recorder import record_spec
from controller.jobs.streams import outcomes_spec
from wire import subjects
from wire.bus import SMALL_BYTES, Bus, Received, Stream
from wire.context import Context

RECORD = b"r" * 250  # about a lease's
OUTCOME = b"o" * 500
DISK = 1 << 30
AT_ONCE = 100
READY_S = 10.0
STOP_S = 5.0
_CONFIG = """\
host: 127.0.0.1
port: {port}
prof_port: {profile}
max_closed_clients: 1024
jetstream {{ store_dir: "{directory}", max_mem: 64MB, max_file: 4GB, sync_interval: always }}
"""

Act = Callable[[int], Awaitable[object]]
Prepare = Callable[[Bus, Context], Awaitable[Act]]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of load: the live heap in MB after no, a quarter, ... and all of so many operations."""

    load: str
    operations: int
    live_mb: tuple[float, ...]


async def renew(bus: Bus, max_bytes: int | None) -> Act:
    """Renew a lease, beside keys that stay, as a controller does once a second."""
    bucket = await bus.bucket(subjects.LEASES_BUCKET, max_bytes=max_bytes)
    await bucket.put("claims.camera.door", RECORD)
    revision = 0

    async def act(_number: int) -> None:
        nonlocal revision
        revision = await bucket.swap("sessions.c1", RECORD, revision, within=10.0) or 0

    return act


async def renew_unlimited(bus: Bus, _context: Context) -> Act:
    """Renew it in a bucket as any other."""
    return await renew(bus, None)


async def renew_small(bus: Bus, _context: Context) -> Act:
    """Renew it in a bucket with the limit that controllers give it."""
    return await renew(bus, SMALL_BYTES)


async def note(bus: Bus, _context: Context) -> Act:
    """Add to the record."""
    stream = await Stream.ensure(bus.control, record_spec())
    return lambda _number: stream.publish(subjects.AUDIT.build(), OUTCOME)


async def conclude(bus: Bus, _context: Context) -> Act:
    """Store outcomes, so many at once that the disk is not waited for in vain."""
    stream = await Stream.ensure(bus.control, outcomes_spec(DISK))

    def store() -> Awaitable[int]:
        return stream.publish(subjects.OUTCOMES.build(batch="b", job=secrets.token_hex(16)), OUTCOME, after=0)

    return lambda _number: asyncio.gather(*(store() for _ in range(AT_ONCE)))


async def ask(bus: Bus, _context: Context) -> Act:
    """Ask somebody, who answers."""

    async def answer(message: Received) -> None:
        await bus.data.publish(message.reply, b"ok")

    await bus.data.subscribe("echo", answer)
    await bus.data.flush()
    return lambda _number: bus.control.request("echo", OUTCOME, within=10.0)


async def come_and_go(_bus: Bus, context: Context) -> Act:
    """Connect twice, as every command does, and leave."""

    async def act(number: int) -> None:
        async with Bus.connect(context, name=f"guest-{number}"):
            pass

    return act


LOADS: tuple[tuple[str, int, Prepare], ...] = (
    ("a lease renewed, its bucket without a limit", 20_000, renew_unlimited),
    ("a lease renewed, its bucket small", 20_000, renew_small),
    ("entries on the record", 4_000, note),
    (f"{AT_ONCE} outcomes", 400, conclude),
    ("requests answered", 8_000, ask),
    ("commands that connect and leave", 400, come_and_go),
)


async def measure(load: str, operations: int, prepare: Prepare, rounds: int) -> Row:
    """Run one load on a server of its own."""
    with run_server() as (context, profile):
        async with Bus.connect(context, name="load") as bus:
            act = await prepare(bus, context)
            seen = [await asyncio.to_thread(read_live, profile)]
            for round_ in range(rounds):
                for number in range(operations // rounds):
                    await act(round_ * (operations // rounds) + number)
                seen.append(await asyncio.to_thread(read_live, profile))
    return Row(load=load, operations=operations, live_mb=tuple(round(each, 2) for each in seen))


def read_live(profile: int) -> float:
    """Return the megabytes that are left after a garbage collection."""
    with urlopen(f"http://127.0.0.1:{profile}/debug/pprof/heap?gc=1&debug=1", timeout=READY_S) as page:
        found = re.search(rb"# HeapAlloc = (\d+)", page.read())
    if found is None:
        raise RuntimeError("the server's heap profile has no HeapAlloc")
    return int(found[1]) / 1e6


@contextmanager
def run_server() -> Iterator[tuple[Context, int]]:
    """Run a server for the time of the block; yield how to reach it and the port of its profiles."""
    with tempfile.TemporaryDirectory(prefix="bramble-bench-") as found:
        directory = Path(found)
        port, profile = _find_ports()
        config = directory / "nats.conf"
        config.write_text(_CONFIG.format(port=port, profile=profile, directory=directory), "utf-8")
        command = [str(Path(sys.executable).with_name("nats-server")), "--config", str(config)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "GOMAXPROCS": "1"})
        try:
            _wait_listening(port, process)
            yield Context(url=f"nats://127.0.0.1:{port}"), profile
        finally:
            process.terminate()
            process.wait(STOP_S)


def _find_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def _wait_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server takes connections; it does so once its profiles can be had."""
    for _ in range(int(READY_S / 0.05)):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            probe.settimeout(READY_S)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise RuntimeError("nats-server did not start")


def main() -> None:
    """Measure all loads and show them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server_memory", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    console = Console(stderr=True)
    for load, operations, prepare in LOADS:
        console.print(f"{operations} times: {load}")
        rows.append(asyncio.run(measure(load, operations, prepare, options.rounds)))
    table = Table("load", "times", "live heap in MB: none, ..., all")
    for row in rows:
        table.add_row(row.load, str(row.operations), "  ".join(f"{each:.2f}" for each in row.live_mb))
    Console().print(table)
    if options.json:
        write_record(options.json, "server_memory", rows, {})


if __name__ == "__main__":
    main()

"""What the dashboard costs: seconds to its first screen, and its share of a core while it shows a large cluster.

    python -m benchmarks.dashboard [--nodes 20] [--cameras 30] [--seconds 20] [--json]

``bramble top`` runs in a terminal of its own, over a real nats-server. The controller at the other end is played: it
answers each question with a status of so many nodes and cameras whose numbers all change, since no machine at hand runs
twenty agents. Counted is the processor time of ``bramble top`` alone, from /proc. It may take at most 3 % of a core on
the screens that people leave open, and the first screen is to be there within a second of a quiet machine. A start
before those that count leaves the modules' bytecode behind, as an installation does; the quickest of several counts.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from cli.local.broker import Broker
from tests.tui_testing.boards import large_status
from wire import subjects
from wire.bus import Bus, Received
from wire.context import save_context
from wire.messages import encode

SIZES = ((80, 24), (160, 48))
VIEWS = {"1": "overview", "2": "findings", "3": "plans", "8": "trends"}
BOUND = 3.0  # per cent of a core
STARTS = 5
TITLE, NUMBERS = b"Nodes", b"node-1"
WAIT_S = 60.0
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Cost:
    """One view in one terminal."""

    view: str
    columns: int
    rows: int
    core_percent: float
    resident_mib: float


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. A paint is when the first table stands, a number when it is filled, from the command's start."""

    nodes: int
    cameras: int
    first_paint_s: float
    first_paint_cpu_s: float
    first_numbers_s: float
    costs: tuple[Cost, ...]


class Screen:
    """``bramble top`` in a terminal whose writing is taken and thrown away."""

    def __init__(self, context: Path, columns: int, rows: int) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "top", "--context", str(context)],
            stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self._painted, self._filled = threading.Event(), threading.Event()
        self.first_paint_s = self.first_paint_cpu_s = self.first_numbers_s = 0.0
        threading.Thread(target=self._drain, daemon=True).start()
        self.process = psutil.Process(self._process.pid)

    @property
    def cpu_s(self) -> float:
        """Processor seconds so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def wait_filled(self) -> None:
        """Wait until the first table stands, and is filled.

        Raises:
            TimeoutError: it is not.

        """
        if not self._filled.wait(WAIT_S):
            raise TimeoutError(
                f"{'nothing was painted' if not self._painted.is_set() else 'no node came'} in {WAIT_S:.0f} s"
            )

    def press(self, key: str) -> None:
        """Press a key."""
        os.write(self._master, key.encode())

    def end(self) -> None:
        """End the command."""
        self._process.kill()
        self._process.wait()

    def _drain(self) -> None:
        seen = b""
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if self._filled.is_set():
                continue
            seen += data
            if TITLE in seen and not self._painted.is_set():
                self.first_paint_s = time.monotonic() - self._began
                self.first_paint_cpu_s = self.cpu_s
                self._painted.set()
            if NUMBERS in seen:
                self.first_numbers_s = time.monotonic() - self._began
                self._filled.set()


async def play_controller(bus: Bus, nodes: int, cameras: int) -> None:
    """Answer questions for the cluster's status, each time with other numbers."""
    turn = 0

    async def answer(message: Received) -> None:
        nonlocal turn
        turn += 1
        await bus.control.publish(message.reply, encode(large_status(nodes, cameras, turn=turn, at=time.time())))

    await bus.control.subscribe(subjects.CONTROL.wildcard(noun="cluster", verb="status"), answer)


async def measure(nodes: int, cameras: int, seconds: float) -> Report:
    """Show a cluster on each view and in each size, and count."""
    with tempfile.TemporaryDirectory(prefix="bramble-bench-") as directory:
        broker = Broker.start(Path(directory, "broker"))
        try:
            async with Bus.connect(broker.context, name="bench") as bus:
                await play_controller(bus, nodes, cameras)
                context = Path(directory, "context.json")
                save_context(broker.context, context)
                return await _measure(context, nodes, cameras, seconds)
        finally:
            broker.stop()


async def _measure(context: Path, nodes: int, cameras: int, seconds: float) -> Report:
    starts = [await _start(context) for _ in range(1 + STARTS)][1:]
    paint_s, cpu_s, numbers_s = (min(column) for column in zip(*starts, strict=True))
    costs = [cost for columns, rows in SIZES for cost in await _measure_views(context, columns, rows, seconds)]
    return Report(nodes, cameras, round(paint_s, 2), round(cpu_s, 2), round(numbers_s, 2), tuple(costs))


async def _start(context: Path) -> tuple[float, float, float]:
    """Start once; return the seconds to the first paint, those of a processor, and the seconds to the first numbers."""
    screen = Screen(context, *SIZES[0])
    try:
        await asyncio.to_thread(screen.wait_filled)
        return screen.first_paint_s, screen.first_paint_cpu_s, screen.first_numbers_s
    finally:
        screen.end()


async def _measure_views(context: Path, columns: int, rows: int, seconds: float) -> list[Cost]:
    costs = []
    screen = Screen(context, columns, rows)
    try:
        await asyncio.to_thread(screen.wait_filled)
        for key, view in VIEWS.items():
            screen.press(key)
            await asyncio.sleep(SETTLE_S)
            before, began = screen.cpu_s, time.monotonic()
            await asyncio.sleep(seconds)
            share = (screen.cpu_s - before) / (time.monotonic() - began)
            resident = screen.process.memory_info().rss / (1 << 20)
            costs.append(Cost(view, columns, rows, round(share * 100, 2), round(resident, 1)))
    finally:
        screen.end()
    return costs


def print_report(report: Report, console: Console) -> None:
    """Print a table, and what it has to hold."""
    table = Table(title=f"bramble top, {report.nodes} nodes x {report.cameras} cameras, all changing every second")
    for title in ("view", "terminal", "% of a core", "MiB"):
        table.add_column(title, justify="left" if title in ("view", "terminal") else "right")
    for cost in report.costs:
        share = f"{cost.core_percent:.1f}"
        table.add_row(cost.view, f"{cost.columns}x{cost.rows}", share, f"{cost.resident_mib:.0f}")
    console.print(table)
    worst = max(cost.core_percent for cost in report.costs)
    console.print(f"at most {BOUND:g} % of a core: {'holds' if worst <= BOUND else f'{worst:.1f} % is more'}")
    console.print(
        f"first screen after {report.first_paint_s:.2f} s ({report.first_paint_cpu_s:.2f} s of a processor), "
        f"first numbers after {report.first_numbers_s:.2f} s"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--cameras", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=20.0, help="that each view is measured")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    report = asyncio.run(measure(arguments.nodes, arguments.cameras, arguments.seconds))
    if arguments.json:
        print(json.dumps(asdict(report)))
    else:
        print_report(report, Console())


if __name__ == "__main__":
    main()

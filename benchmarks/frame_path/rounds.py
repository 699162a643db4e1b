"""Contenders in turn, each load between two runs of the bare job; what the machine disturbed is done again."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.frame_path.bare import Bare, BareLoops
from benchmarks.frame_path.contender import WORKERS
from benchmarks.frame_path.meter import DIRECTORY
from benchmarks.frame_path.orders import Found, Order, Ready

MAX_DRIFT = 0.10
TRIES = 3
BARE_S = 1.0
START_S = 150.0
END_S = 30.0
LAST_WORDS = 8  # lines
WINDOW = 8  # frames under way

Say = Callable[[str], None]


class Spans(msgspec.Struct, frozen=True, kw_only=True):
    """How long each load is laid on, in seconds; 0: not at all."""

    warm: float = 1.0
    one: float = 3.0  # one frame under way
    full: float = 4.0  # eight
    half: float = 0.0  # at random times, half as many as the bare loops do
    idle: float = 2.0  # nothing asked
    kill: float = 0.0  # eight under way, one worker is killed


class Between(msgspec.Struct, frozen=True, kw_only=True):
    """A load and the bare job right before and after it."""

    found: Found
    bare: Bare  # the mean of both
    drift: float  # the bare job's rate after over that before, less 1
    tries: int  # also those that were thrown away

    @property
    def quiet(self) -> bool:
        """Whether it counts."""
        return abs(self.drift) <= MAX_DRIFT


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One contender in one round, started for it and ended after it."""

    contender: str
    start_s: float  # from nothing to the first answer
    one: Between
    full: Between
    idle: Found
    half: Between | None = None
    kill: Found | None = None


class ContenderError(RuntimeError):
    """A contender did not start, or ended; the message has its last words."""


class Driver:
    """The process that asks a contender."""

    def __init__(self, process: subprocess.Popen[bytes], start_s: float) -> None:
        self._process = process
        self.start_s = start_s

    def carry_out(self, order: Order) -> Found:
        """Lay on a load.

        Raises:
            ContenderError: the contender's process ended.

        """
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(read_line(self._process), type=Found)


@contextmanager
def open_driver(name: str) -> Iterator[Driver]:
    """Start a contender, for the time of a ``with``.

    Raises:
        ContenderError: it did not start.

    """
    with tempfile.TemporaryDirectory(prefix="bramble-bench-", ignore_cleanup_errors=True) as text:
        directory = Path(text)
        (directory / "meters").mkdir()
        (directory / "site").mkdir()
        log = directory / "driver.log"
        started = time.perf_counter()
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "benchmarks.frame_path.driver", name, str(directory / "site")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, DIRECTORY: str(directory / "meters")},
            )
        try:
            try:
                msgspec.json.decode(read_line(process), type=Ready)
            except ContenderError as error:
                words = log.read_text("utf-8", "replace").strip().splitlines()[-LAST_WORDS:]
                raise ContenderError(f"{name} did not start: {error}: " + "\n".join(words)) from error
            yield Driver(process, time.perf_counter() - started)
        finally:
            end(process)


def read_line(process: subprocess.Popen[bytes]) -> bytes:
    """Return the process's next line.

    Raises:
        ContenderError: it has ended.

    """
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise ContenderError(f"it ended with {process.wait(END_S)}")
    return line


def end(process: subprocess.Popen[bytes]) -> None:
    """Let the process end in good order; kill it when it does not."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(END_S)
    process.stdout.close()


def run_between(run_bare: Callable[[], Bare], load: Callable[[Bare], Found], *, tries: int = TRIES) -> Between:
    """Run the bare job, the load, the bare job; again where these two differ, and keep the quietest."""
    best: Between | None = None
    for number in range(1, tries + 1):
        before = run_bare()
        found = load(before)
        after = run_bare()
        this = Between(found=found, bare=mean_of(before, after), drift=after.rate / before.rate - 1, tries=number)
        if best is None or abs(this.drift) < abs(best.drift):
            best = this
        if best.quiet:
            break
    assert best is not None  # there was a try
    return msgspec.structs.replace(best, tries=number)


def mean_of(one: Bare, other: Bare) -> Bare:
    """Return what lies between the two."""
    return Bare(
        rate=(one.rate + other.rate) / 2,
        cpu_ms=(one.cpu_ms + other.cpu_ms) / 2,
        latency=type(one.latency)(
            **{
                name: statistics.fmean((getattr(one.latency, name), getattr(other.latency, name)))
                for name in one.latency.__struct_fields__
            }
        ),
    )


def run_once(name: str, bare: BareLoops, spans: Spans, *, seed: int, tries: int) -> Run:
    """Start a contender, lay the loads on it, and end it."""
    with open_driver(name) as driver:
        driver.carry_out(Order(seconds=spans.warm, window=2 * WORKERS))
        run_all = partial(bare.run, WORKERS, BARE_S)
        one = run_between(
            partial(bare.run, 1, BARE_S),
            lambda _bare: driver.carry_out(Order(seconds=spans.one, window=1)),
            tries=tries,
        )
        full = run_between(
            run_all, lambda _bare: driver.carry_out(Order(seconds=spans.full, window=WINDOW)), tries=tries
        )
        half = kill = None
        if spans.half:
            half = run_between(
                run_all,
                lambda bare: driver.carry_out(Order(seconds=spans.half, rate=bare.rate / 2, seed=seed)),
                tries=tries,
            )
        idle = driver.carry_out(Order(seconds=spans.idle))  # late: a start has consequences for some seconds
        if spans.kill:
            kill = driver.carry_out(Order(seconds=spans.kill, window=WINDOW, kill_after_s=1.0))
        return Run(contender=name, start_s=driver.start_s, one=one, full=full, half=half, idle=idle, kill=kill)


def run_rounds(
    names: Sequence[str], bare: BareLoops, spans: Spans, *, rounds: int, tries: int, say: Say
) -> Iterator[Run]:
    """Run all contenders once a round, in an order that turns, so that none always follows the same other."""
    for number in range(rounds):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            say(f"round {number + 1} of {rounds}: {name}")
            try:
                yield run_once(name, bare, spans, seed=number, tries=tries)
            except ContenderError as error:
                say(str(error))  # the others go on; its row has a round less, or it has none

"""Throws inputs at a parser in a process of its own, so that a crash and a hang are found, named, and gone past."""

from __future__ import annotations

import ctypes
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from tests.fuzz.mutation import make_input
from tests.fuzz.parsers import Parser

SLOW_S = 1.0
"""Of processor time for one input of at most 64 KiB; more is a way to keep a program busy."""
HANG_S = 30.0
START_S = 60.0
"""A child has to import what it attacks first, which a busy machine takes seconds for."""
MEMORY_BYTES = 4 << 30
WATCH_S = 0.2
WORST = 10  # failures that are told; the rest is counted


@dataclass(frozen=True, slots=True)
class Task:
    """What a child is to do."""

    parser: Parser
    seed: int
    first: int  # number of an input
    inputs: int


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that a parser did not stand."""

    number: int
    what: str


@dataclass(slots=True)
class Outcome:
    """What a campaign against one parser found."""

    parser: str
    inputs: int
    taken: int = 0
    refused: int = 0
    slowest_s: float = 0.0  # of processor time
    slowest: int = 0  # its number
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)


def attack(
    parser: Parser, *, seed: int, inputs: int, say: Callable[[int], None] = lambda _: None, hang_s: float = HANG_S
) -> Outcome:
    """Throw inputs at a parser; ``say`` hears how many are done."""
    context = multiprocessing.get_context("spawn")
    outcome, started, first = Outcome(parser.name, inputs), time.monotonic(), 0
    while first < inputs and len(outcome.failures) < WORST:
        at = context.Value("q", first - 1, lock=False)  # it has not begun
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_throw, args=(Task(parser, seed, first, inputs), at, theirs), daemon=True)
        child.start()
        theirs.close()
        seen, moved, hung = at.value, time.monotonic(), False
        while child.is_alive() and not hung:
            child.join(WATCH_S)
            _collect(ours, outcome)
            say(max(first, at.value))
            if at.value != seen:
                seen, moved = at.value, time.monotonic()
            hung = time.monotonic() - moved > (hang_s if seen >= first else START_S)
        if hung:
            child.kill()
        child.join()
        _collect(ours, outcome)
        ours.close()
        reached = max(first, at.value)
        if child.exitcode:
            what = f"hangs for {hang_s:g} s" if hung else f"ends the process with {child.exitcode}"
            outcome.failures.append(Failure(reached, what))
        first = reached + 1 if child.exitcode else inputs
    outcome.seconds = time.monotonic() - started
    return outcome


def _collect(ours: Connection, outcome: Outcome) -> None:
    try:
        while ours.poll():
            match ours.recv():
                case Failure() as failure:
                    outcome.failures.append(failure)
                case (taken, refused, slowest_s, slowest):
                    outcome.taken += taken
                    outcome.refused += refused
                    if slowest_s > outcome.slowest_s:
                        outcome.slowest_s, outcome.slowest = slowest_s, slowest
    except EOFError:
        return  # the child has ended, and all that it said was heard


def _throw(task: Task, at: ctypes.c_longlong, theirs: Connection) -> None:
    """Run in the child."""
    parser, samples = task.parser, task.parser.samples()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    taken = refused = slowest = 0
    slowest_s = 0.0
    for number in range(task.first, task.inputs):
        at.value = number
        data = make_input(task.seed, number, samples)
        began = time.thread_time()
        try:
            parser.parse(data)
            taken += 1
        except parser.refuses:
            refused += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was looked for
            theirs.send(Failure(number, f"raises {type(error).__name__}: {str(error)[:200]}"))
        spent = time.thread_time() - began
        if spent > slowest_s:
            slowest_s, slowest = spent, number
        if spent > SLOW_S:
            theirs.send(Failure(number, f"takes {spent:.2f} s"))
    theirs.send((taken, refused, slowest_s, slowest))

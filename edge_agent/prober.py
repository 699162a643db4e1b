"""Starts the probe and waits for its verdict, with a bound on everything; whatever it does, the agent lives."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time

import msgspec

from edge_agent.child import command
from edge_agent.trial import WALL_S, Trial, Verdict, describe_exit
from wire.errors import ModelRejectedError

_REAP_S = 5.0
# One thread is enough for numpy in a probe, and each of its threads would take address space.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_REMEDY = "do not use this file: build the model again, or get it from somewhere you trust"

_log = logging.getLogger("bramble.agent")


async def prove(trial: Trial, *, within: float = WALL_S) -> Verdict:
    """Have a child process load the model and ask for its known answer.

    Raises:
        ModelRejectedError: the model failed, crashed the child, or did not end in time; the message says which.

    """
    started = time.monotonic()
    answer, status = await ask_child("edge_agent.probe", msgspec.json.encode(trial), within=within)
    seconds = round(time.monotonic() - started, 2)
    _log.info("probed", extra={"action": "probe", "status": status, "seconds": seconds})
    return _read(answer, status)


async def ask_child(module: str, question: bytes, *, within: float) -> tuple[bytes, int]:
    """Start a module of the agent as a child, ask it one question, and return its answer and exit status.

    Raises:
        ModelRejectedError: it did not end in time; then it is dead.

    """
    child = await asyncio.create_subprocess_exec(
        *command(module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **_ENVIRONMENT},
        start_new_session=True,
    )
    try:
        answer, _ = await asyncio.wait_for(child.communicate(question), within)
    except TimeoutError as error:
        raise ModelRejectedError(f"the model did not load and answer within {within:.0f} s", remedy=_REMEDY) from error
    finally:
        await _end(child)
    return answer, child.returncode or 0


def _read(answer: bytes, status: int) -> Verdict:
    if status != 0:
        raise ModelRejectedError(describe_exit(status), remedy=_REMEDY)
    try:
        verdict = msgspec.json.decode(answer, type=Verdict)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelRejectedError(f"the probe's verdict cannot be read: {error}", remedy=_REMEDY) from error
    if verdict.problem:
        raise ModelRejectedError(verdict.problem, remedy=verdict.remedy)
    return verdict


async def _end(child: asyncio.subprocess.Process) -> None:
    """Kill a child that is still there, and reap it."""
    if child.returncode is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)  # with what it may have started itself
        except ProcessLookupError:
            _log.debug("the probe had ended", extra={"action": "probe"})
        await asyncio.wait_for(child.wait(), _REAP_S)

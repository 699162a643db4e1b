"""Children of the agent's own program: how they are started, and how they answer the one question they get."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import msgspec

MAX_QUESTION_BYTES = 4 << 20


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of the agent in a child, as careful about ``sys.path`` as we are."""
    flags = ["-P"] if sys.flags.safe_path else []
    return [sys.executable, *flags, "-m", module, *arguments]


def answer_once(answer: Callable[[bytes], msgspec.Struct]) -> int:
    """Take the question from standard input, write the answer as JSON to standard output, return the exit code.

    Standard output is for the answer alone: what native code prints meanwhile goes to standard error.
    """
    kept = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with kept:
        kept.write(msgspec.json.encode(answer(sys.stdin.buffer.read(MAX_QUESTION_BYTES))))
    return 0

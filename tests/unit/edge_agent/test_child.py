"""Children that answer one question."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os, msgspec
from edge_agent.child import answer_once

class Answer(msgspec.Struct):
    length: int

def answer(question):
    os.write(1, b"a library prints")
    return Answer(len(question))

raise SystemExit(answer_once(answer))
"""


def test_what_a_library_prints_does_not_spoil_the_answer() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=b"question", capture_output=True, timeout=30, check=True
    )

    assert done.stdout == b'{"length":8}'
    assert done.stderr == b"a library prints"

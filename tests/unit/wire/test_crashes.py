"""An error that nobody foresaw quotes what it was about; a password is not for whoever reads it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SECRET = "T0P-S3CRET"
URL = f"rtsp://admin:{SECRET}@cam/1"
RAISE = f"raise ValueError('cannot open {URL}')"
CRASHES = {
    "an error": RAISE,
    "one of several": f"raise ExceptionGroup('tasks', [ValueError('{URL}'), OSError('{URL}')])",
    "the cause of another": f"try: {RAISE}\nexcept ValueError as error: raise RuntimeError('no') from error",
    "a thread's": f"import threading\ndef run(): {RAISE}\nthreading.Thread(target=run).start()",
    "a loop's": f"import asyncio\nasync def run(): {RAISE}\nasyncio.run(run())",
}


def crash(prepare: str, how: str) -> str:
    program = f"{prepare}\n{how}"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    ).stderr


@pytest.mark.parametrize("how", CRASHES.values(), ids=CRASHES)
@pytest.mark.parametrize(
    "prepare",
    [
        "from wire.crashes import redact_crashes; redact_crashes()",
        "from wire.logs import configure_logging; configure_logging('info', journal=True)",
    ],
    ids=["alone", "of a service"],
)
def test_what_a_program_dies_of_is_told_without_passwords(prepare: str, how: str) -> None:
    said = crash(prepare, how)

    assert "Traceback" in said
    assert "rtsp://***@cam/1" in said
    assert SECRET not in said


def test_the_operators_command_dies_without_passwords() -> None:
    said = crash(
        "import cli.main, sys; sys.argv = ['bramble', 'nodes']",
        f"def fail(**_): {RAISE}\ncli.main.bramble.main = fail\ncli.main.main()",
    )

    assert "ValueError: cannot open rtsp://***@cam/1" in said
    assert SECRET not in said

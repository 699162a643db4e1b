"""What a program does not need is not imported."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_bus_leaves_aiohttp_alone_and_whoever_wants_it_gets_it_still() -> None:
    code = (
        "import sys, wire.bus; print('aiohttp' in sys.modules); import aiohttp; print(aiohttp.ClientSession.__name__)"
    )
    assert run(code).split() == ["False", "ClientSession"]


def test_a_program_that_has_aiohttp_already_keeps_it() -> None:
    assert run("import aiohttp, sys, wire.bus; print(sys.modules['aiohttp'] is aiohttp)").split() == ["True"]

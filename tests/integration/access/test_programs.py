"""Programs that are not what their key says they are: they say so once, and end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from controller.desks.reads import ReadDesk
from tests.testing.secured import Secured
from wire import subjects
from wire.bus import Bus
from wire.permissions import Role

END_S = 30.0


async def run(secured: Secured, *command: str) -> tuple[int, str]:
    async with Bus.connect(secured.let_in("hub", Role.CONTROLLER), name="hub") as bus:
        await bus.blobs(subjects.MODELS_STORE)
        await bus.bucket(subjects.CONFIG_BUCKET)
        await bus.bucket(subjects.ASSIGNMENTS_BUCKET)
        await ReadDesk(bus.data, lambda _: None).listen()
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", *command], capture_output=True, text=True, timeout=END_S, check=False,
        )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize(("key", "role"), [("pi1", Role.AGENT), ("pi2", Role.VIEWER)])
async def test_an_agent_with_another_node_s_key_or_none_of_an_agent_s_ends_and_says_what_it_may_not(
    secured: Secured, key: str, role: Role, tmp_path: Path
) -> None:
    secured.let_in(key, role)
    context = ("--context", str(secured.directory / f"{key}.json"))
    code, said = await run(
        secured, "edge_agent", "--node", "pi2", *context, "--backends", "simulated", "--cache", str(tmp_path / "cache")
    )
    assert code == 1
    assert "error: this user may not" in said
    assert "remedy: see what each role may do with `bramble access matrix`" in said
    assert "Traceback" not in said
    refused = [line.partition("verb=")[2] for line in said.splitlines() if "action=not_permitted" in line]
    assert refused
    assert len(set(refused)) == len(refused), refused


async def test_a_controller_without_a_controller_s_key_ends_and_says_what_it_may_not(secured: Secured) -> None:
    secured.let_in("ann", Role.VIEWER)
    context = ("--context", str(secured.directory / "ann.json"))
    code, said = await run(secured, "controller", "--id", "ann", *context, "--metrics-port", "0")
    assert code == 3
    assert "this user may not publish to $JS.API" in said
    assert "Traceback" not in said

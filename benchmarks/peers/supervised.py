"""Workers as processes that are started again when they die, by what does that in a local Bramble cluster."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from cli.local.leash import Leash
from cli.local.program import Program, ProgramSpec
from cli.local.spare import Spare, SpareSpec


def say(line: str) -> None:
    """Report on standard error."""
    print(line, file=sys.stderr)


@asynccontextmanager
async def supervise(
    directory: Path, commands: Mapping[str, Sequence[str]], spare: SpareSpec | None = None
) -> AsyncIterator[None]:
    """Keep programs running, by name, for the time of an ``async with``; ``spare`` says how one of them stands by."""
    directory.mkdir(exist_ok=True)  # noqa: ASYNC240 - once, before anything runs
    leash = Leash(directory)
    try:
        specs = [ProgramSpec(name, tuple(command), directory / f"{name}.log") for name, command in commands.items()]
        stand_in = Spare(spare, leash, say) if spare else None
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(Program(spec, leash, say, stand_in).run(), name=spec.name) for spec in specs]
            if stand_in:
                tasks.append(group.create_task(stand_in.run(), name="spare"))
            yield
            for task in tasks:
                task.cancel()
    finally:
        leash.close()

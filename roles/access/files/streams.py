# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Saves all that the cluster's servers store into files, and puts it back.

    python streams.py save --access DIR --directory DIR
    python streams.py load --access DIR --directory DIR

``save`` runs beside everything else. ``load`` replaces what the cluster has: nothing else should run meanwhile, and it
checks every file before it deletes anything. Both print ``{"streams": {"KV_config": 4, …}}``, packed bytes or messages.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cli.access.authority import Authority
from wire.bus import Link
from wire.bus.replicas import count_replicas
from wire.bus.snapshot import list_streams, read_about, restore_stream, save_stream
from wire.context import Context
from wire.errors import BadRequestError, BrambleError


@asynccontextmanager
async def open_link(authority: Authority) -> AsyncIterator[Link]:
    """Connect as a user made for the moment, who may do all that the account may: no role needs to."""
    claim, pair = authority.storage_user()
    record = authority.record
    context = Context(url=record.url, ca=record.ca, user_jwt=claim, user_seed=pair.reveal_seed())
    link = await Link.open(context, name="bramble-streams")
    try:
        yield link
    finally:
        await link.close()


async def save(authority: Authority, directory: Path) -> dict[str, int]:
    """Save every stream; files of streams that are no more are removed, so that the directory is one backup."""
    async with open_link(authority) as link:
        saved = {name: await save_stream(link, name, directory) for name in await list_streams(link)}
    for path in await asyncio.to_thread(lambda: list(directory.iterdir())):
        if path.stem not in saved:
            path.unlink()
    return saved


async def load(authority: Authority, directory: Path) -> dict[str, int]:
    """Put every stream back."""
    found = [read_about(path) for path in await asyncio.to_thread(lambda: sorted(directory.glob("*.json")))]
    if not found:
        raise BadRequestError(f"{directory} holds no stream", remedy="name the directory that backup.yml wrote")
    async with open_link(authority) as link:
        replicas = await count_replicas(link)
        return {about.name: await restore_stream(link, about, directory, replicas=replicas) for about in found}


def main() -> None:
    """Save or load."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("verb", choices=("save", "load"))
    parser.add_argument("--access", type=Path, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    found = parser.parse_args()
    try:
        streams = asyncio.run({"save": save, "load": load}[found.verb](Authority.open(found.access), found.directory))
    except (BrambleError, OSError) as error:
        sys.exit(f"error: {error}\nremedy: {getattr(error, 'remedy', '') or 'see the journal of the server'}")
    print(json.dumps({"streams": streams}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()

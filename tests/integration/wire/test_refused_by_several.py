"""Several servers tell of each other: whom they refuse hears of it all the same, and who is let in knows them all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.testing.server_cluster import server_cluster
from wire.bus import Link
from wire.context import Context
from wire.errors import BusError, NotAuthorisedError

WITHIN_S = 20.0


async def test_whom_all_servers_refuse_is_told_so_in_the_end(tmp_path: Path) -> None:
    async with server_cluster(tmp_path) as servers:
        # As the others tell of it: a server that is given up must not come back by what the next one says.
        port = urlsplit(servers.context.servers[0]).port
        stranger = Context(url=f"nats://127.0.0.1:{port}", user="bramble", password="of-yesterday")
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(NotAuthorisedError, match="refused this user"):
                await Link.open(stranger, name="stranger")


async def test_who_names_one_server_goes_on_with_the_others_when_that_one_dies(tmp_path: Path) -> None:
    async with server_cluster(tmp_path) as servers:
        one = msgspec.structs.replace(servers.context, url=servers.context.servers[0])
        link = await Link.open(one, name="friend")
        try:
            back = asyncio.Event()
            link.call_on_reconnect(back.set)
            servers.kill("server1")
            async with asyncio.timeout(WITHIN_S):
                await back.wait()
                await link.flush()
        finally:
            await link.close()


async def test_a_server_that_is_gone_is_told_as_that(tmp_path: Path) -> None:
    async with server_cluster(tmp_path) as servers:
        one = msgspec.structs.replace(servers.context, url=servers.context.servers[0])
        servers.kill("server1")
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(BusError):
                await Link.open(one, name="friend")

"""Dask distributed: two worker processes of one thread, a task a picture."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from distributed import Client, LocalCluster

from benchmarks.frame_path.contender import WORKERS, Site
from benchmarks.frame_path.job import Job, open_job
from benchmarks.harness.load import Ask


@functools.cache
def load() -> Job:
    """Return the worker's job, loaded at the first picture."""
    return open_job()


def work(picture: bytes) -> bytes:
    """Do the job."""
    return load()(picture)


@asynccontextmanager
async def run(site: Site, _variant: str) -> AsyncIterator[Ask]:
    """Start scheduler and workers."""
    async with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            processes=True,
            asynchronous=True,
            dashboard_address=None,
            local_directory=str(site.directory),
            host="127.0.0.1",
        ) as cluster,
        Client(cluster, asynchronous=True) as client,
    ):

        async def ask(picture: bytes) -> bytes:
            found: bytes = await client.submit(work, picture, pure=False)
            return found

        yield ask

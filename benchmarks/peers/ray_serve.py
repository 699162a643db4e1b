"""Ray Serve: two replicas, asked through a deployment handle, which is its quicker way (no HTTP proxy)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.frame_path.contender import IN_FLIGHT, WORKERS, Site
from benchmarks.harness.load import Ask

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report over the network
OBJECTS_BYTES = 100 << 20


@asynccontextmanager
async def run(site: Site, _variant: str) -> AsyncIterator[Ask]:
    """Start Ray and the replicas."""
    import ray  # noqa: PLC0415 - reads the environment, and takes seconds
    from ray import serve  # noqa: PLC0415 - likewise

    from benchmarks.frame_path.job import open_job  # noqa: PLC0415 - likewise

    @serve.deployment(num_replicas=WORKERS, max_ongoing_requests=IN_FLIGHT, ray_actor_options={"num_cpus": 1})
    class Classifier:
        def __init__(self) -> None:
            self._job = open_job()

        async def __call__(self, picture: bytes) -> bytes:
            return self._job(picture)

    with tempfile.TemporaryDirectory(prefix="ray-", dir=_find_short(site), ignore_cleanup_errors=True) as directory:
        try:
            ray.init(
                num_cpus=WORKERS + 2,  # the controller of Serve takes a place too
                include_dashboard=False,
                log_to_driver=False,
                object_store_memory=OBJECTS_BYTES,
                _temp_dir=directory,
            )
            try:
                serve.start(proxy_location="Disabled")
                handle = serve.run(Classifier.bind(), route_prefix=None)  # type: ignore[attr-defined]  # the decorator's

                async def ask(picture: bytes) -> bytes:
                    found: bytes
                    try:
                        found = await handle.remote(picture)
                    except ray.exceptions.RayActorError:  # its replica died; the next has not
                        found = await handle.remote(picture)
                    return found

                yield ask
            finally:
                serve.shutdown()
        finally:
            ray.shutdown()


def _find_short(site: Site) -> str:
    """Return where Ray's sockets may lie: their paths must stay below 108 characters."""
    return str(site.directory) if len(str(site.directory)) < 30 else tempfile.gettempdir()  # noqa: PLR2004 - Ray adds some 70

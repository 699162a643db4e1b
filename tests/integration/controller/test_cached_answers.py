"""A picture that was answered before, over a real cluster."""

from __future__ import annotations

import asyncio
import urllib.request

from benchmarks.bench_cluster import MODEL, NodeSpec, make_manifest, open_cluster
from benchmarks.picture import make_picture
from wire import subjects
from wire.headers import InferOptions
from wire.messages import Result, decode


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as page:  # noqa: S310 - the controller's own, on loopback
        data: bytes = page.read()
    return data


async def test_a_picture_asked_for_again_is_answered_from_before_where_that_will_do() -> None:
    picture = make_picture(64, 48)
    async with open_cluster([NodeSpec("a", 0.01)]) as bench:
        await bench.cluster.add_model(make_manifest())
        status = await bench.wait_ready(MODEL, 1)

        async def ask(*, cached: bool) -> Result:
            headers = InferOptions(cached=cached).to_headers()
            subject = subjects.INFER.build(model=MODEL)
            return decode((await bench.bus.data.request(subject, picture, headers=headers, within=10)).data, Result)

        fresh, kept, repeated, again = [await ask(cached=cached) for cached in (False, True, True, False)]
        assert [each.cached for each in (fresh, kept, repeated, again)] == [False, False, True, False]
        assert [each.nodes for each in (fresh, kept, repeated, again)] == [("a",), ("a",), (), ("a",)]
        assert repeated.classes == kept.classes
        assert repeated.frame != kept.frame
        counts = (await bench.cluster.status()).counts
        assert (counts.offered, counts.inferred) == (4, 4)

        async def is_counted() -> bool:
            return b"bramble_cache_hits_total 1.0" in await asyncio.to_thread(fetch, status.metrics_url)

        await bench.wait_until(is_counted)

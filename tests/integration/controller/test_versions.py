"""Versions of a model put into force and taken back under load: a real server, a controller and agents with LiteRT."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import pytest

from benchmarks.bench_cluster import BenchCluster, NodeSpec, open_cluster
from controller.versions.record import Versions
from controller.versions.sweeper import GRACE_S, Sweeper
from modelkit.digest import sha256_bytes
from modelkit.manifest import ExpectedClass, KnownAnswer, Manifest, encode_manifest
from tests.agent_testing.models import SmallClassifier, make_jpeg, small_manifest
from wire import subjects
from wire.audit import Entry
from wire.bus import Bus, Received, Stream
from wire.errors import BadRequestError, UnknownModelError, error_from_json
from wire.headers import InferOptions
from wire.messages import Event, Result, decode
from wire.status import ClusterStatus
from wire.versions import VersionStatus

PICTURE = make_jpeg()
FILES = {version: SmallClassifier(weight).finish() for version, weight in (("1", 1.0), ("2", 2.0), ("3", 3.0))}
ENGLISH, GERMAN = ("red", "green", "blue", "other"), ("rot", "gruen", "blau", "anderes")


def make_version(version: str, labels: tuple[str, ...] = ENGLISH, *, answer: KnownAnswer | None = None) -> Manifest:
    return small_manifest(FILES[version], version=version, labels=labels, known_answer=answer)


OLD, NEW = make_version("1"), make_version("2", GERMAN)
BAD = make_version(
    "3",
    answer=KnownAnswer(
        file="known.jpg",
        sha256=sha256_bytes(PICTURE),
        bytes=len(PICTURE),
        top=ExpectedClass(label="other", score=1.0, tolerance=0.001),
    ),
)


def versions_of(status: ClusterStatus) -> dict[str, VersionStatus]:
    return {each.version: each for model in status.models for each in model.versions}


async def wait_serving(bench: BenchCluster, version: str) -> None:
    """Wait until a version is said to serve."""
    await bench.wait_for(lambda status: version in (known := versions_of(status)) and known[version].state == "serving")


class Load:
    """Asks the model all the time, and keeps all results and errors."""

    def __init__(self, bench: BenchCluster) -> None:
        self._bench = bench
        self.results: list[Result] = []
        self.errors: list[str] = []
        self.changed = asyncio.Event()

    async def ask(self) -> None:
        headers = InferOptions(deadline_ms=20_000).to_headers()
        subject = subjects.INFER.build(model="small")
        while True:
            reply = await self._bench.bus.data.request(subject, PICTURE, headers=headers, within=30)
            if error := error_from_json(reply.data):
                self.errors.append(f"{error.code}: {error}")
            else:
                self.results.append(decode(reply.data, Result))
            self.changed.set()

    async def wait_for(self, version: str, count: int = 20) -> None:
        """Wait until so many more results came from a version."""
        seen = len(self.results)
        async with asyncio.timeout(30):
            while Counter(each.version for each in self.results[seen:])[version] < count:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def loaded(bench: BenchCluster) -> AsyncIterator[Load]:
    """Ask three at a time for the time of an ``async with``."""
    load = Load(bench)
    tasks = [asyncio.create_task(load.ask()) for _ in range(3)]
    try:
        yield load
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Events:
    """What happens to the model."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self._changed = asyncio.Event()

    @classmethod
    async def hear(cls, bus: Bus) -> Self:
        """Listen from now on."""
        events = cls()

        async def take(message: Received) -> None:
            events.kinds.append(decode(message.data, Event).kind)
            events._changed.set()

        await bus.control.subscribe(subjects.MODEL_EVENT.wildcard(model="small"), take)
        return events

    async def wait_for(self, *kinds: str) -> None:
        """Wait until these have come, one after another and nothing else; then forget them."""
        async with asyncio.timeout(30):
            while len(self.kinds) < len(kinds):
                self._changed.clear()
                await self._changed.wait()
        assert tuple(self.kinds) == kinds
        self.kinds.clear()


@pytest.fixture
async def bench() -> AsyncIterator[BenchCluster]:
    arguments = ("--backends", "litert", "--threads", "1")
    async with open_cluster([NodeSpec(node, arguments=arguments) for node in ("a", "b")]) as bench:
        store = await bench.bus.blobs(subjects.MODELS_STORE)
        for data in (PICTURE, *FILES.values()):
            await store.put_bytes(sha256_bytes(data), data)
        events = await Events.hear(bench.bus)
        await bench.cluster.add_model(OLD)
        await events.wait_for("in-force")
        yield bench


async def test_versions_come_into_force_and_go_back_under_load_and_no_frame_fails(bench: BenchCluster) -> None:
    events = await Events.hear(bench.bus)
    async with loaded(bench) as load:
        await load.wait_for("1")
        kept = await bench.cluster.keep_model(NEW)
        assert kept.text.startswith("model small 2 kept")
        await load.wait_for("1")  # it is only kept

        await bench.cluster.promote("small", "2")
        await events.wait_for("promoted", "in-force")
        await load.wait_for("2")
        with pytest.raises(BadRequestError, match="in force already"):
            await bench.cluster.promote("small", "2")

        await bench.cluster.roll_back("small")
        await events.wait_for("rolled-back", "in-force")
        await load.wait_for("1")
        with pytest.raises(BadRequestError, match="no version of small was in force before 1"):
            await bench.cluster.roll_back("small")
        with pytest.raises(UnknownModelError, match="no version 'two'"):
            await bench.cluster.promote("small", "two")

        await bench.cluster.keep_model(BAD)
        await bench.cluster.promote("small", "3")
        await events.wait_for("promoted", "rolled-back", "in-force")
        await load.wait_for("1")

    assert load.errors == []
    made_by = {"1": (OLD.digest("cpu-f32"), ENGLISH), "2": (NEW.digest("cpu-f32"), GERMAN)}
    for result in load.results:
        digest, labels = made_by[result.version]
        assert result.digest == digest
        assert result.classes is not None
        assert {each.label for each in result.classes} <= {*labels}
    counts = (await bench.cluster.status()).counts
    assert counts.failed == {}
    record = Stream(bench.bus.control, subjects.AUDIT_STREAM).read(subjects.AUDIT.build())
    deeds = [decode(stored.data, Entry).deed async for stored in record]
    done = [(each.action, each.target, each.outcome) for each in deeds if each.action != "model.add"]
    assert [action for action, _, outcome in done if outcome == "refused"] == [
        "model.promote",
        "model.rollback",
        "model.promote",
    ]
    assert ("model.rollback", "small", "done") in done
    assert deeds[-1].who == "bench"
    assert "every node refuses it" in deeds[-1].detail


async def test_a_push_replaces_a_version_live_and_keeps_it_if_nodes_can_run_it_and_a_removal_keeps_nothing(
    bench: BenchCluster,
) -> None:
    store = await bench.bus.blobs(subjects.MODELS_STORE)
    config = await bench.bus.bucket(subjects.CONFIG_BUCKET)
    clock = [0.0]
    sweeper = Sweeper(config, store, is_leader=lambda: True, clock=lambda: clock[0])
    async with loaded(bench) as load:
        await bench.cluster.add_model(NEW)
        await wait_serving(bench, "2")
        await load.wait_for("2")
    assert load.errors == []
    with pytest.raises(BadRequestError, match="no node can run small 9"):  # it would push out what serves
        await bench.cluster.add_model(small_manifest(b"", version="9", artefacts=()))
    assert [*versions_of(await bench.cluster.status())] == ["2", "1"]

    unneeded = {sha256_bytes(PICTURE), sha256_bytes(FILES["3"])}  # no version of any model names them
    assert await sweeper.sweep() == ()
    clock[0] += GRACE_S
    assert {*await sweeper.sweep()} == unneeded
    assert {*await store.list()} == {sha256_bytes(FILES["1"]), sha256_bytes(FILES["2"])}

    await bench.cluster.remove_model("small")
    assert (await bench.wait_for(lambda status: not status.models)).models == ()
    assert await sweeper.sweep() == ()
    clock[0] += GRACE_S
    assert len(await sweeper.sweep()) == 2
    assert await store.list() == ()

    events = await Events.hear(bench.bus)
    await config.put(subjects.MODEL_KEY.build(model="small"), encode_manifest(OLD))  # by hand; nodes have the file yet
    await events.wait_for("in-force")
    record = await config.get(subjects.VERSIONS_KEY.build(model="small"))
    assert record is not None
    assert [each.manifest for each in decode(record, Versions).kept] == [OLD]

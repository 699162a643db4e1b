"""Durable jobs through one controller's desk, over a real server, with nodes that fail as told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs_testing.desk_bench import DeskBench, JobEnd, SimulatedNode
from tests.jobs_testing.restarting_broker import RestartingBroker
from tests.testing.server_cluster import server_cluster
from wire import subjects
from wire.bus import Bus, FullError
from wire.errors import BusError, NoRespondersError, error_from_json

Make = Callable[[int], bytes]


async def test_every_job_of_a_batch_gets_one_outcome_and_leaves_the_queue(bus: Bus, picture: Make) -> None:
    async with DeskBench(bus, SimulatedNode("a", 0.0), SimulatedNode("b", 0.0)).running() as bench:
        jobs = [await bench.submit(picture(n), file=f"{n}.jpg") for n in range(50)]
        found = await bench.await_outcomes(50)
        assert set(found) == set(jobs)
        assert {each.end for each in found.values()} == {JobEnd.DONE}
        assert found[jobs[7]].file == "7.jpg"
        assert found[jobs[7]].result is not None
        await bench.await_empty_queue()
        status = await bench.batch()
        assert (status.queued, status.done, status.failed) == (0, 50, 0)
        assert (bench.counts.offered, bench.counts.inferred, bench.counts.open) == (50, 50, 0)


async def test_a_picture_published_plainly_is_a_job_with_a_name_made_for_it(bus: Bus, picture: Make) -> None:
    async with DeskBench(bus, SimulatedNode("a", 0.0)).running() as bench:
        sequence = await bench.desk.queue.publish("jobs.m", picture(1))
        await bench.desk.queue.publish("jobs.m", picture(1), headers={"Nats-Msg-Id": "my-own"})
        found = await bench.await_outcomes(2, "direct")
        assert "my-own" in found
        assert any(job.startswith(f"{sequence}-") for job in found)


async def test_a_job_for_a_model_that_is_not_there_is_refused_at_the_door(bus: Bus, picture: Make) -> None:
    async with DeskBench(bus).running() as bench:
        with pytest.raises(NoRespondersError):
            await bench.submit(picture(1), model="nothing")
        bench.configure("m", "nothing")
        await bench.until(lambda: len(bench.desk._pullers) == 2)
        await bench.submit(picture(1), model="nothing")


async def test_poison_fails_at_once_and_the_rest_goes_on(bus: Bus, picture: Make) -> None:
    async with DeskBench(bus, SimulatedNode("a", 0.0)).running() as bench:
        poison = {await bench.submit(bad) for bad in (b"", b"no picture", picture(1)[:9])}
        good = {await bench.submit(picture(n)) for n in range(5)}
        found = await bench.await_outcomes(8)
        assert {job for job in found if found[job].end is JobEnd.FAILED} == poison
        assert {found[job].error.code for job in poison} == {"bad_image"}  # type: ignore[union-attr]
        assert {job for job in found if found[job].end is JobEnd.DONE} == good
        assert (await bench.batch()).kept == 0


async def test_a_malformed_job_is_a_failure_and_not_a_riddle(bus: Bus, picture: Make) -> None:
    async with DeskBench(bus, SimulatedNode("a", 0.0)).running() as bench:
        queue = bench.desk.queue
        await queue.publish("jobs.m", picture(1), headers={"Nats-Msg-Id": "not a token"})
        await queue.publish("jobs.m.b$d.j", picture(1))
        await queue.publish("jobs.m", picture(1), headers={"Bramble-Top-K": "many"})
        found = await bench.await_outcomes(3, "direct")
        assert {each.error.code for each in found.values() if each.error} == {"bad_request"}
        assert len(found) == 3


async def test_a_job_that_no_node_comes_to_an_end_with_is_buried_and_can_be_tried_again(
    bus: Bus, picture: Make
) -> None:
    node = SimulatedNode("a", 0.0, ["broken"] * 3)
    async with DeskBench(bus, node).running() as bench:
        job = await bench.submit(picture(1), file="1.jpg")
        failed = (await bench.await_outcomes(1))[job]
        assert (failed.end, failed.error and failed.error.code) == (JobEnd.FAILED, "internal")
        await bench.await_empty_queue()
        status = await bench.batch()
        assert (status.failed, status.kept) == (1, 1)
        last = (await bench.all_outcomes())[-1].sequence
        assert (await bench.change("retry")).changed == 1
        done = (await bench.await_outcomes(1, after=last))[job]
        assert (done.end, done.file) == (JobEnd.DONE, "1.jpg")
        status = await bench.batch()
        assert (status.done, status.failed, status.kept) == (1, 0, 0)
        assert (await bench.change("retry")).changed == 0


async def test_jobs_wait_for_nodes_for_as_long_as_it_takes(bus: Bus, picture: Make) -> None:
    node = SimulatedNode("a", 0.0)
    bench = DeskBench(bus)
    bench.nodes = ()
    async with bench.running():
        await bench.submit(picture(1))
        await bench.until(lambda: "no node is ready" in (bench.problem or ""))
        assert await bench.all_outcomes() == []
        bench.desk._runner._dispatcher._courier.nodes[node.name] = node  # type: ignore[attr-defined]
        bench.seat(node)
        assert len(await bench.await_outcomes(1)) == 1


async def test_a_node_that_dies_with_a_job_costs_no_job(bus: Bus, picture: Make) -> None:
    dead, good = SimulatedNode("dead", 0.0, ["gone"] * 99), SimulatedNode("good", 0.01)
    async with DeskBench(bus, dead, good).running() as bench:
        for n in range(10):
            await bench.submit(picture(n))
        found = await bench.await_outcomes(10)
        assert {each.result.nodes for each in found.values() if each.result} == {("good",)}
        assert {each.deliveries for each in found.values()} == {1}


async def test_the_same_picture_submitted_again_is_the_same_job_and_is_not_done_twice(bus: Bus, picture: Make) -> None:
    node = SimulatedNode("a", 0.0)
    async with DeskBench(bus, node).running() as bench:
        job = await bench.submit(picture(1))
        await bench.await_outcomes(1)
        await bench.await_empty_queue()
        assert await bench.submit(picture(1)) == job
        await bench.await_empty_queue()
        assert len(await bench.all_outcomes()) == 1
        assert node.served == 1


async def test_cancelled_jobs_have_that_as_their_outcome_also_where_work_had_begun(bus: Bus, picture: Make) -> None:
    node = SimulatedNode("slow", 0.3)
    async with DeskBench(bus, node).running() as bench:
        jobs = [await bench.submit(picture(n), file=f"{n}.jpg") for n in range(12)]
        await bench.until(lambda: node.peak > 0)
        done = await bench.change("cancel")
        assert done.left == 0
        found = await bench.await_outcomes(12)
        cancelled = {job for job in jobs if found[job].end is JobEnd.CANCELLED}
        assert done.changed == len(cancelled) >= 10
        assert {found[job].file for job in cancelled} <= {f"{n}.jpg" for n in range(12)}
        await bench.await_empty_queue()
        status = await bench.batch()
        assert status.cancelled + status.done == 12


async def test_some_jobs_can_be_cancelled_and_others_go_on(bus: Bus, picture: Make) -> None:
    node = SimulatedNode("a", 0.0)
    bench = DeskBench(bus, node)
    async with bench.running():
        bench.pool.bar("a")
        jobs = [await bench.submit(picture(n)) for n in range(4)]
        assert (await bench.change("cancel", "b", *jobs[:2])).changed == 2
        bench.seat(node)
        found = await bench.await_outcomes(4)
        assert [found[job].end for job in jobs] == [JobEnd.CANCELLED] * 2 + [JobEnd.DONE] * 2


async def test_plain_jobs_can_be_cancelled_too(bus: Bus, picture: Make) -> None:
    bench = DeskBench(bus)
    async with bench.running():
        for n in range(3):
            await bench.desk.queue.publish("jobs.m", picture(n))
        assert (await bench.batch("direct")).queued == 3
        assert (await bench.change("cancel", "direct")).changed == 3
        await bench.await_empty_queue()
        assert len(await bench.all_outcomes("direct")) == 3


async def test_a_batch_can_be_forgotten_once_it_has_ended(bus: Bus, picture: Make) -> None:
    node = SimulatedNode("a", 0.0)
    bench = DeskBench(bus, node)
    async with bench.running():
        bench.pool.bar("a")
        await bench.submit(picture(1))
        refusal = error_from_json(await bench.forget())
        assert "have not ended" in str(refusal)
        bench.seat(node)
        await bench.await_outcomes(1)
        await bench.await_empty_queue()
        assert b"forgotten" in await bench.forget()
        assert (await bench.report()).batches == ()


async def test_a_full_queue_refuses_new_jobs_and_loses_none(bus: Bus, picture: Make) -> None:
    node = SimulatedNode("a", 0.0)
    bench = DeskBench(bus, node, disk=4 << 20)
    async with bench.running():
        bench.pool.bar("a")
        heavy = picture(1) + b"\0" * 400_000  # a JPEG ends at its end marker, whatever follows
        taken = 0
        while not await refuses(bench, heavy + bytes([taken])):
            taken += 1
        assert 3 <= taken <= 6
        bench.seat(node)
        assert len(await bench.await_outcomes(taken)) == taken


async def test_without_room_for_outcomes_jobs_wait_and_none_is_lost(bus: Bus, picture: Make) -> None:
    node = SimulatedNode("a", 0.0)
    bench = DeskBench(bus, node, disk=4 << 20)
    async with bench.running():
        filler = await bench.outcomes.publish("outcomes.filler.a", b"x" * ((1 << 20) - 200))
        for n in range(3):
            await bench.submit(picture(n))
        await bench.until(lambda: "no room for outcomes" in (bench.problem or ""))
        assert (await bench.desk.look()).queued == 3
        await bench.outcomes.delete(filler)
        assert len(await bench.await_outcomes(3)) == 3
        await bench.await_empty_queue()


async def test_two_controllers_share_the_work_and_no_job_has_two_outcomes(bus: Bus, picture: Make) -> None:
    one = DeskBench(bus, SimulatedNode("a", 0.01), name="one")
    two = DeskBench(bus, SimulatedNode("a", 0.01), name="two")
    async with one.running(), two.running():
        for n in range(60):
            await one.submit(picture(n))
        found = await one.await_outcomes(60)
        assert {each.controller for each in found.values()} == {"one", "two"}


async def test_a_controller_that_stops_hands_its_jobs_to_another_at_once(bus: Bus, picture: Make) -> None:
    stuck = SimulatedNode("stuck", 0.0, ["silent"] * 99)
    one = DeskBench(bus, stuck, name="one")
    two = DeskBench(bus, SimulatedNode("a", 0.0), name="two")
    async with one.running():
        for n in range(2):
            await one.submit(picture(n))
        await one.until(lambda: stuck.peak == 2)
    assert one.counts.dropped == {"removed": 2}
    async with two.running():
        found = await two.await_outcomes(2)
    assert {(each.controller, each.deliveries) for each in found.values()} == {("two", 2)}


async def test_a_restart_of_the_server_loses_no_job_and_doubles_none(
    restarting: RestartingBroker, picture: Make
) -> None:
    nodes = SimulatedNode("a", 0.02), SimulatedNode("b", 0.02)
    async with Bus.connect(restarting.context, name="test") as bus, DeskBench(bus, *nodes).running() as bench:
        for n in range(100):
            await bench.submit(picture(n))
        await bench.await_outcomes(10)
        restarting.kill()
        restarting.start()
        assert len(await bench.await_outcomes(100)) == 100
        await bench.await_empty_queue()
        assert len(await bench.all_outcomes()) == 100


@pytest.mark.timeout(180)
async def test_the_loss_of_the_leader_of_three_servers_loses_no_job_and_doubles_none(
    tmp_path: Path, picture: Make
) -> None:
    nodes = SimulatedNode("a", 0.05), SimulatedNode("b", 0.05)
    async with (
        server_cluster(tmp_path) as servers,
        Bus.connect(servers.context, name="test") as bus,
        DeskBench(bus, *nodes).running() as bench,
    ):
        for n in range(100):
            await bench.submit(picture(n))
        await bench.await_outcomes(10)
        info = await bus.control.client.jetstream().stream_info(subjects.JOBS_STREAM)
        assert info.config.num_replicas == 3
        assert info.cluster is not None
        assert info.cluster.leader is not None
        servers.kill(info.cluster.leader)
        assert len(await bench.await_outcomes(100, within=60)) == 100
        assert await count_outcomes(bench) == 100


async def test_streams_that_somebody_removed_are_made_again(bus: Bus, picture: Make) -> None:
    async with DeskBench(bus, SimulatedNode("a", 0.0)).running() as bench:
        await bench.submit(picture(1))
        await bench.await_outcomes(1)
        for name in (subjects.JOBS_STREAM, subjects.OUTCOMES_STREAM):
            await bus.control.request(f"$JS.API.STREAM.DELETE.{name}", within=5)
        async with asyncio.timeout(30):
            while True:
                try:
                    await bench.submit(picture(2))
                    break
                except NoRespondersError:
                    await asyncio.sleep(0.1)
        assert len(await bench.await_outcomes(1)) == 1


async def refuses(bench: DeskBench, picture: bytes) -> bool:
    try:
        await bench.submit(picture)
    except FullError:
        return True
    return False


async def count_outcomes(bench: DeskBench) -> int:
    """Ask until a leader answers: there may be an election."""
    async with asyncio.timeout(60):
        while True:
            try:
                return (await bench.outcomes.state()).messages
            except BusError:
                await asyncio.sleep(0.1)

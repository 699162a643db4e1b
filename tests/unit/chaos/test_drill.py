"""What a drill measures, on runs made up by hand."""

from __future__ import annotations

import pytest

from tests.chaos.drill import MEASURES, judge_drill
from tests.chaos.record import Beat, Election, Ended, Live, Record, Request, Sent, Sighting, Strike
from tests.chaos.schedule import BROKER, GUEST_CONTROLLER, LEADER, Fault, Kind
from wire.jobs import JobEnd, JobOutcome


def make_record(kind: Kind, target: str, *, lasts: float = 0.0) -> Record:
    record = Record(1, 60.0, ("door",))
    record.strikes.append(Strike(Fault(10.0, kind, (target,), lasts), 10.0, 10.0 + lasts))
    record.live += [Live(at / 5, "door", "m", f"f{at}", took_s=0.1) for at in range(300)]
    return record


def broken(record: Record, kind: Kind) -> list[str]:
    return [f"{each.claim}: {each.detail}" for each in judge_drill(record, kind) if not each.held]


def make_killed_agent() -> Record:
    record = make_record(Kind.KILL_AGENT, "n1")
    record.beats += [Beat(9.5, "n1", "old", serves=True), Beat(12.0, "n1", "new", serves=False)]
    record.beats += [Beat(12.5, "n1", "new", serves=True)]
    record.sent += [Sent(9.9, "n1"), Sent(10.3, "n1"), Sent(11.9, "n2"), Sent(12.6, "n1")]
    return record


def test_a_killed_agent_that_gets_its_last_frame_soon_and_is_back_soon_is_well() -> None:
    assert broken(make_killed_agent(), Kind.KILL_AGENT) == []


def test_a_frame_for_the_dead_is_found() -> None:
    record = make_killed_agent()
    record.sent.append(Sent(11.2, "n1"))
    assert broken(record, Kind.KILL_AGENT) == [
        "the last frame is sent to a node that was killed within 1 s: median 1.20 s, worst 1.20 s of 1; 1 took longer"
    ]


def test_an_agent_that_never_comes_back_is_found() -> None:
    record = make_killed_agent()
    record.beats.pop()
    assert "worst inf s" in "".join(broken(record, Kind.KILL_AGENT))


def test_a_frame_that_takes_longer_than_its_deadline_is_found() -> None:
    record = make_killed_agent()
    record.live.append(Live(30.0, "door", "m", "late", took_s=4.0))
    assert len(broken(record, Kind.KILL_AGENT)) == 1


def make_frozen_agent() -> Record:
    record = make_record(Kind.FREEZE_AGENT, "n1", lasts=10.0)
    record.sent += [Sent(12.9, "n1"), Sent(21.0, "n1")]
    record.sightings += [Sighting(13.2, "n1", "suspect"), Sighting(15.2, "n1", "dead"), Sighting(21.0, "n1", "live")]
    record.beats.append(Beat(20.6, "n1", "s", serves=True))
    record.submitted = {"a": 10.5}
    outcome = JobOutcome(job="a", batch="b", model="m", end=JobEnd.DONE, at=0.0)
    record.ended.append(Ended(14.0, outcome))
    return record


def test_a_frozen_agent_that_is_left_out_in_time_is_well() -> None:
    assert broken(make_frozen_agent(), Kind.FREEZE_AGENT) == []


def test_work_for_a_node_that_is_silent_is_found() -> None:
    record = make_frozen_agent()
    record.sent.append(Sent(17.0, "n1"))
    assert len(broken(record, Kind.FREEZE_AGENT)) == 1


def test_a_job_that_waits_for_the_frozen_is_found() -> None:
    record = make_frozen_agent()
    record.submitted["b"] = 11.0
    (found,) = broken(record, Kind.FREEZE_AGENT)
    assert found.startswith("a job ends within 10 s")


def test_a_camera_that_stays_dark_is_found() -> None:
    record = make_record(Kind.KILL_CONTROLLER, "c1")
    assert broken(record, Kind.KILL_CONTROLLER) == []
    record.live = [each for each in record.live if not 10.5 < each.at < 17]
    assert "both cameras' results go on within 5 s" in "".join(broken(record, Kind.KILL_CONTROLLER))


def test_a_camera_that_two_controllers_watch_is_found() -> None:
    record = make_record(Kind.CUT_CONTROLLER, GUEST_CONTROLLER, lasts=30.0)
    record.sightings.append(Sighting(42.0, GUEST_CONTROLLER, "live"))
    assert broken(record, Kind.CUT_CONTROLLER) == []
    record.live += [Live(40 + at / 5, "door", "m", f"twin{at}", took_s=0.1) for at in range(25)]
    assert "no camera is watched twice" in "".join(broken(record, Kind.CUT_CONTROLLER))


def test_whatever_does_not_come_back_with_the_broker_is_found() -> None:
    record = make_record(Kind.KILL_BROKER, BROKER)
    record.requests.append(Request(11.0, 12.0))
    record.changes.append((12.0, 1))
    record.beats.append(Beat(13.0, "n1", "s", serves=True))
    outcome = JobOutcome(job="a", batch="b", model="m", end=JobEnd.DONE, at=0.0)
    record.ended.append(Ended(12.0, outcome))
    assert broken(record, Kind.KILL_BROKER) == []
    record.changes = [(16.0, 1)]
    assert "a change is taken again within 5 s" in "".join(broken(record, Kind.KILL_BROKER))


def make_killed_leader() -> Record:
    record = make_record(Kind.KILL_LEADER, LEADER)
    record.requests.append(Request(11.0, 12.0))
    record.elections += [Election(15.0, "jobs", "s2"), Election(17.0, "jobs", "s3", "mobilenet_v2")]
    record.elections.append(Election(16.0, "KV_config", "s2"))
    outcome = JobOutcome(job="a", batch="b", model="m", end=JobEnd.DONE, at=0.0)
    record.ended.append(Ended(17.5, outcome))
    record.changes.append((18.0, 1))
    return record


def test_time_that_the_servers_need_for_their_election_is_told_apart_from_ours() -> None:
    record = make_killed_leader()
    assert broken(record, Kind.KILL_LEADER) == []
    told = {each.claim: each.detail for each in judge_drill(record, Kind.KILL_LEADER)}
    assert told["the servers have elected within 15 s"] == "median 7.00 s, worst 7.00 s of 1"
    assert told["after the election a job ends again within 5 s"] == "median 0.50 s, worst 0.50 s of 1"
    assert told["after the election a change is taken again within 5 s"] == "median 2.00 s, worst 2.00 s of 1"


def test_jobs_that_come_long_after_the_election_are_found() -> None:
    record = make_killed_leader()
    record.elections.pop(1)
    record.ended = [Ended(20.5, record.ended[0].outcome)]
    assert broken(record, Kind.KILL_LEADER) == [
        "after the election a job ends again within 5 s: median 5.50 s, worst 5.50 s of 1; 1 took longer"
    ]


def test_elections_of_later_do_not_count_for_a_kill_that_took_none() -> None:
    record = make_killed_leader()
    record.elections = [Election(40.0, "jobs", "s2")]
    told = {each.claim: each.detail for each in judge_drill(record, Kind.KILL_LEADER)}
    assert told["the servers have elected within 15 s"] == "median 0.00 s, worst 0.00 s of 1"


def test_a_pause_while_a_server_retires_is_found() -> None:
    record = make_record(Kind.RETIRE_LEADER, LEADER)
    record.requests += [Request(at, at + 0.1) for at in range(60)]
    record.changes += [(float(at), at) for at in range(60)]
    outcome = JobOutcome(job="a", batch="b", model="m", end=JobEnd.DONE, at=0.0)
    record.ended += [Ended(float(at), outcome) for at in range(60)]
    assert broken(record, Kind.RETIRE_LEADER) == []
    record.changes = [each for each in record.changes if not 20 < each[0] < 27]
    assert broken(record, Kind.RETIRE_LEADER) == [
        "changes are taken with no longer pause within 5 s: median 7.00 s, worst 7.00 s of 1; 1 took longer"
    ]


@pytest.mark.parametrize("kind", Kind)
def test_a_drill_in_which_nothing_happened_shows_nothing(kind: Kind) -> None:
    assert kind in MEASURES
    assert len(broken(Record(1, 60.0, ("door",)), kind)) == len(judge_drill(Record(1, 60.0, ("door",)), kind))

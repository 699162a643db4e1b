"""One kind of fault again and again, each after the one before is over: how long everything takes. Pure.

Times are those at which the run saw things, so they include what messages took to reach it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from statistics import median

from tests.chaos.course import Pace
from tests.chaos.record import Record, Strike
from tests.chaos.schedule import Kind
from tests.chaos.verdict import Finding

DEADLINE_S = 3.0
ELECTION_S = 15.0
RETIRING_S = 30.0
LAST_S = 2.0  # before the end of a run nothing more is submitted
TIMER_S = 0.25  # by which timers on a loaded machine may be late
LOOK_S = 0.25  # between two looks at the cluster's state
JOB_STREAMS = ("jobs", "outcomes")  # what a job has to write to before it has ended
CHANGE_STREAMS = ("KV_config", "audit")
DRILL = Pace(look_every_s=LOOK_S, change_every_s=1.0)

Measure = tuple[str, float, list[float]]
"""What is measured, the seconds that it may take, and what it took each time (infinity: it never came)."""


def judge_drill(record: Record, kind: Kind) -> tuple[Finding, ...]:
    """Hold a run of one kind of fault against what is promised of that kind."""
    measures = [_answers(record), *MEASURES[kind](record)]
    return tuple(_find(*each) for each in measures)


def _find(claim: str, limit: float, took: list[float]) -> Finding:
    if not took:
        return Finding(f"{claim} within {limit:g} s", held=False, detail="never measured")
    held = max(took) <= limit
    over = sum(each > limit for each in took)
    detail = f"median {median(took):.2f} s, worst {max(took):.2f} s of {len(took)}"
    return Finding(f"{claim} within {limit:g} s", held=held, detail=detail + (f"; {over} took longer" if over else ""))


def _answers(record: Record) -> Measure:
    return (
        "a good live result comes",
        DEADLINE_S + TIMER_S,
        [each.took_s for each in record.live if not each.code],
    )


def _of_killed_agents(record: Record) -> Iterator[Measure]:
    yield (
        "the last frame is sent to a node that was killed",
        1.0,
        [_last_frame(record, each) for each in record.strikes],
    )
    yield "a killed agent serves again", 5.0, [_new_session(record, each) for each in record.strikes]


def _of_silent_agents(record: Record) -> Iterator[Measure]:
    yield "the last frame is sent to a node that is silent", 3.0, [_last_frame(record, each) for each in record.strikes]
    yield "a silent node is seen to be dead", 5.0 + 2 * LOOK_S, [_seen_dead(record, each) for each in record.strikes]
    yield "a job ends", 10.0, _job_times(record)
    yield "a node that speaks again serves", 5.0, [_serves_again(record, each) for each in record.strikes]
    yield "frames go to it again", 10.0, [_frames_again(record, each) for each in record.strikes]


def _of_controllers(record: Record) -> Iterator[Measure]:
    yield "both cameras' results go on", 5.0, [_longest_gap(record, each) for each in record.strikes]


def _of_cut_controllers(record: Record) -> Iterator[Measure]:
    yield from _of_controllers(record)
    yield "the controller is back", 5.0, [_seen_live(record, each) for each in record.strikes]
    yield "no camera is watched twice: seconds' worth of frames in any 5 s", 6.5, _rates(record)


def _of_leader(record: Record) -> Iterator[Measure]:
    """Frames go on meanwhile; what is stored waits for the servers' election, and the time after it is ours."""
    yield from _of_live(record)
    yield (
        "the servers have elected",
        ELECTION_S,
        [_elected(record, each) - each.until for each in record.strikes],
    )
    ended, changed = [each.at for each in record.ended], [at for at, _ in record.changes]
    yield (
        "after the election a job ends again",
        5.0,
        [_first_from(_elected(record, each, JOB_STREAMS), ended) for each in record.strikes],
    )
    yield (
        "after the election a change is taken again",
        5.0,
        [_first_from(_elected(record, each, CHANGE_STREAMS), changed) for each in record.strikes],
    )
    yield "a job ends again", ELECTION_S, [_back_after(each, ended) for each in record.strikes]
    yield "a change is taken again", ELECTION_S, [_back_after(each, changed) for each in record.strikes]


def _of_retired(record: Record) -> Iterator[Measure]:
    """A server that is told to end hands over what it leads, and its clients go elsewhere one by one."""
    going_on = {
        "requests are answered": [each.ended for each in record.requests if not each.code],
        "jobs end": [each.at for each in record.ended],
        "changes are taken": [at for at, _ in record.changes],
    }
    for camera in record.cameras:
        going_on[f"{camera} is watched"] = [e.at for e in record.live if e.camera == camera and not e.code]
    for claim, times in going_on.items():
        yield f"{claim} with no longer pause", 5.0, [_longest_pause(record, each, times) for each in record.strikes]


def _of_broker(record: Record) -> Iterator[Measure]:
    yield from _of_live(record)
    yield "a job ends again", 5.0, [_back_after(each, (e.at for e in record.ended)) for each in record.strikes]
    yield (
        "a change is taken again",
        5.0,
        [_back_after(each, (at for at, _ in record.changes)) for each in record.strikes],
    )
    for node in sorted({each.node for each in record.beats}):
        beats = [each.at for each in record.beats if each.node == node and each.serves]
        yield f"{node} serves again", 5.0, [_back_after(each, beats) for each in record.strikes]


def _of_live(record: Record) -> Iterator[Measure]:
    strikes = record.strikes
    good = [each for each in record.requests if not each.code]
    yield "a request is answered again", 5.0, [_back_after(each, (r.ended for r in good)) for each in strikes]
    for camera in record.cameras:
        seen = [each.at for each in record.live if each.camera == camera and not each.code]
        yield f"{camera} is watched again", 5.0, [_back_after(each, seen) for each in strikes]


MEASURES: dict[Kind, Callable[[Record], Iterable[Measure]]] = {
    Kind.KILL_AGENT: _of_killed_agents,
    Kind.FREEZE_AGENT: _of_silent_agents,
    Kind.CUT_AGENT: _of_silent_agents,
    Kind.KILL_CONTROLLER: _of_controllers,
    Kind.FREEZE_CONTROLLER: _of_controllers,
    Kind.CUT_CONTROLLER: _of_cut_controllers,
    Kind.KILL_BROKER: _of_broker,
    Kind.KILL_EVERYTHING: _of_broker,
    Kind.FREEZE_BROKER: _of_broker,
    Kind.KILL_LEADER: _of_leader,
    Kind.RETIRE_LEADER: _of_retired,
}


def _last_frame(record: Record, strike: Strike) -> float:
    """Return how long after the strike the last frame was sent to its node while that could not serve."""
    back = strike.until if strike.fault.lasts_s else strike.at + _new_session(record, strike)
    node = strike.fault.targets[0]
    late = [each.at for each in record.sent if each.node == node and strike.at < each.at < back]
    return max(late, default=strike.at) - strike.at


def _new_session(record: Record, strike: Strike) -> float:
    """Return how long after a kill the node's next life said that it serves."""
    node = strike.fault.targets[0]
    before = {each.session for each in record.beats if each.node == node and each.at <= strike.at}
    return _first_after(strike, (b.at for b in record.beats if b.node == node and b.serves and b.session not in before))


def _frames_again(record: Record, strike: Strike) -> float:
    node = strike.fault.targets[0]
    return min((s.at for s in record.sent if s.node == node and s.at >= strike.until), default=math.inf) - strike.until


def _serves_again(record: Record, strike: Strike) -> float:
    node = strike.fault.targets[0]
    beats = (b.at for b in record.beats if b.node == node and b.serves and b.at >= strike.until)
    return min(beats, default=math.inf) - strike.until


def _seen_dead(record: Record, strike: Strike) -> float:
    name = strike.fault.targets[0]
    return _first_after(strike, (s.at for s in record.sightings if s.name == name and s.liveness == "dead"))


def _seen_live(record: Record, strike: Strike) -> float:
    name = strike.fault.targets[0]
    seen = (s.at for s in record.sightings if s.name == name and s.liveness == "live" and s.at >= strike.until)
    return min(seen, default=math.inf) - strike.until


def _job_times(record: Record) -> list[float]:
    ended = {each.outcome.job: each.at for each in record.ended}
    return [ended.get(job, math.inf) - at for job, at in record.submitted.items()]


def _longest_gap(record: Record, strike: Strike) -> float:
    """Return the longest time that a camera gave no good result after the strike and until the next one."""
    following = [each.at for each in record.strikes if each.at > strike.at]
    end = min(following, default=record.seconds)
    gaps = []
    for camera in record.cameras:
        seen = [e.at for e in record.live if e.camera == camera and not e.code and strike.at < e.at < end]
        marks = [strike.at, *seen, end]
        gaps += [later - earlier for earlier, later in pairwise(marks)]
    return max(gaps)


def _longest_pause(record: Record, strike: Strike, times: Iterable[float]) -> float:
    """Return the longest time without, while a server that was told to end does so and is started again."""
    end = min(strike.at + RETIRING_S, record.seconds - LAST_S)
    marks = [strike.at, *sorted(at for at in times if strike.at < at < end), end]
    return max(later - earlier for earlier, later in pairwise(marks))


def _rates(record: Record) -> list[float]:
    """Return for each camera how many seconds' worth of frames came in the fullest five seconds."""
    rates = []
    for camera in record.cameras:
        at = sorted(each.at for each in record.live if each.camera == camera)
        first = 0
        fullest = 0
        for last, time in enumerate(at):
            while at[first] < time - 5.0:
                first += 1
            fullest = max(fullest, last - first + 1)
        if at:
            rates.append(fullest / DRILL.camera_fps)
    return rates


def _back_after(strike: Strike, times: Iterable[float]) -> float:
    """Return how long it took once the fault was over: a killed program's is over at once, a frozen one's is not."""
    return min((at for at in times if at > strike.until), default=math.inf) - strike.until


def _elected(record: Record, strike: Strike, streams: tuple[str, ...] = ()) -> float:
    """Return when the last leader of these streams (none: of all) and their consumers that a strike took was replaced.

    Where it took none of them, that is when the strike was over.
    """
    elections = (e for e in record.elections if strike.at < e.at < strike.at + ELECTION_S)
    return max((e.at for e in elections if not streams or e.stream in streams), default=strike.until)


def _first_from(begin: float, times: Iterable[float]) -> float:
    return min((at for at in times if at > begin), default=math.inf) - begin


def _first_after(strike: Strike, times: Iterable[float]) -> float:
    return min((at for at in times if at > strike.at), default=math.inf) - strike.at

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from controller.jobs.counts import Counts
from wire import subjects
from wire.jobs import JobEnd


@dataclass(frozen=True)
class Life:
    """What the three streams hold of one job, at any instant of its life, or after a crash at any step."""

    batch: str
    job: str
    queued: bool
    buried: bool
    end: JobEnd | None


lives = st.lists(
    st.builds(
        Life,
        batch=st.sampled_from(["a", "b", "c"]),
        job=st.from_regex(r"[a-z0-9]{1,3}", fullmatch=True),
        queued=st.booleans(),
        buried=st.booleans(),
        end=st.sampled_from([None, *JobEnd]),
    ),
    unique_by=lambda life: (life.batch, life.job),
    max_size=40,
)


def count(jobs: list[Life]) -> Counts:
    counts = Counts(
        {subjects.BATCH_JOBS.build(model="m", batch=j.batch, job=j.job): 1 for j in jobs if j.queued},
        [subjects.DEAD_LETTERS.build(model="m", batch=j.batch, job=j.job) for j in jobs if j.buried],
    )
    for j in jobs:
        if j.end:
            counts.note_outcome(subjects.OUTCOMES.build(batch=j.batch, job=j.job), state=j.end, model="m", at=1.0)
    return counts


@given(lives)
def test_every_job_that_any_stream_knows_is_counted_exactly_once(jobs: list[Life]) -> None:
    known = [job for job in jobs if job.queued or job.buried or job.end]
    batches = count(jobs).batches()
    total = sum(b.queued + b.done + b.failed + b.cancelled for b in batches)
    assert total == len(known)
    assert {b.batch for b in batches} == {job.batch for job in known}


@given(lives)
def test_an_outcome_counts_for_more_than_a_place_in_the_queue(jobs: list[Life]) -> None:
    batches = count(jobs).batches()
    assert sum(b.done for b in batches) == sum(job.end is JobEnd.DONE for job in jobs)
    assert sum(b.queued for b in batches) == sum(job.queued and job.end is None for job in jobs)


@given(lives)
def test_only_failed_jobs_can_be_tried_again(jobs: list[Life]) -> None:
    for batch in count(jobs).batches():
        assert batch.kept <= batch.failed


@given(lives)
def test_one_batch_asked_for_is_that_batch_of_all(jobs: list[Life]) -> None:
    of_all = {batch.batch: batch for batch in count(jobs).batches()}
    for name in "abc":
        assert count(jobs).batches(name) == ((of_all[name],) if name in of_all else ())


def test_plain_jobs_are_counted_by_the_message() -> None:
    (batch,) = Counts({"jobs.m": 7, "jobs.n": 1}, []).batches()
    assert (batch.batch, batch.queued, batch.models) == ("direct", 8, ("m", "n"))


@given(st.dictionaries(st.text(max_size=30), st.integers(1, 5)), st.lists(st.text(max_size=30)), st.text(max_size=30))
def test_subjects_that_name_no_job_are_nobody_s(queued: dict[str, int], dead: list[str], state: str) -> None:
    counts = Counts(queued, dead)
    counts.note_outcome("outcomes.a.b", state=state, model="", at=0.0)
    counts.note_outcome("$outcomes", state="done", model="", at=0.0)
    assert sum(batch.done for batch in counts.batches()) == (state == "done")

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.jobs.ticket import read_ticket
from wire import subjects
from wire.ids import DIRECT
from wire.jobs import FILE, name_job, read_file_name, write_file_name

names = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=64)
headers = st.dictionaries(st.sampled_from([FILE, "Nats-Msg-Id", "Other"]), st.text(max_size=300))
sequences = st.integers(1, 2**63)
times = st.floats(0, 4e9)


@given(model=names, rest=st.text(max_size=80), headers=headers, sequence=sequences, at=times)
def test_whatever_the_queue_holds_is_a_job_with_subjects_of_its_own(
    model: str, rest: str, headers: dict[str, str], sequence: int, at: float
) -> None:
    for subject in (f"jobs.{model}", f"jobs.{model}.{rest}"):
        ticket = read_ticket(subject, headers, sequence, at)
        assert subjects.OUTCOMES.parse(ticket.outcome) == {"batch": ticket.batch, "job": ticket.job}
        assert ticket.dead_letter
        assert ticket.queue


@given(model=names, headers=headers, sequence=sequences, at=times)
def test_a_job_is_the_same_at_every_delivery(model: str, headers: dict[str, str], sequence: int, at: float) -> None:
    first, second = (read_ticket(f"jobs.{model}", headers, sequence, at) for _ in range(2))
    assert first == second
    assert first.batch == DIRECT


@given(model=names, batch=names, job=names)
def test_the_names_in_a_subject_are_the_job_s(model: str, batch: str, job: str) -> None:
    ticket = read_ticket(subjects.BATCH_JOBS.build(model=model, batch=batch, job=job), {}, 1, 0.0)
    assert (ticket.model, ticket.batch, ticket.job, ticket.fault) == (model, batch, job, "")


@given(st.lists(st.tuples(sequences, st.integers(0, 2**52)), unique=True, max_size=20))
def test_plain_jobs_that_differ_in_sequence_or_microsecond_differ_in_name(found: list[tuple[int, int]]) -> None:
    jobs = {read_ticket("jobs.m", {}, sequence, at / 2**20).job for sequence, at in found}
    places = {(sequence, round(at / 2**20 * 1e6)) for sequence, at in found}
    assert len(jobs) == len(places)


@pytest.mark.parametrize("given_id", ["a b", "a.b", "x" * 65, ">"])
def test_an_id_that_cannot_be_a_name_is_a_fault_and_no_name(given_id: str) -> None:
    ticket = read_ticket("jobs.m", {"Nats-Msg-Id": given_id}, 7, 1.5)
    assert ticket.job.startswith("7-")
    assert "is not a valid name" in ticket.fault


@given(st.text(max_size=400))
def test_a_file_name_crosses_the_network_as_ascii_without_controls_and_comes_back(name: str) -> None:
    written = write_file_name(name)
    assert written.isascii()
    assert not set(written) & set("\r\n: ")
    if len(name.encode("utf-8", "replace")) <= 200 and "?" not in name and name.isprintable():
        assert read_file_name(written) == name


@given(st.text(max_size=2000))
def test_any_header_is_a_file_name_of_bounded_length(text: str) -> None:
    assert len(read_file_name(text)) <= 200


@given(st.binary(max_size=50), st.binary(max_size=50), names, names)
def test_a_job_is_its_picture_its_model_and_its_batch(one: bytes, two: bytes, batch: str, model: str) -> None:
    assert (name_job(model, batch, one) == name_job(model, batch, two)) == (one == two)
    assert name_job(model, batch, one) != name_job(model, f"{batch}x", one)

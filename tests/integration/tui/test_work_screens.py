"""How the screens of plans, jobs, controllers, findings and the record look, one picture a state and an action."""

from __future__ import annotations

import pytest

from tests.tui_testing.apps import make_app
from tests.tui_testing.archives import QUEUE, make_entries, make_failures, make_report
from tests.tui_testing.boards import AT, StillSource, healthy, make_node, make_status, shaken
from tests.tui_testing.pictures import LARGE, WIDE, Compare, looks_as_before
from tests.tui_testing.scenes import FIRST, in_a_pipeline, in_trouble
from tests.tui_testing.versions import in_versions
from tui.app import TopApp
from tui.updates import EntriesTaken, EventTaken, FailuresTaken, JobsTaken, StatusTaken, Withheld
from wire.messages import Event


def with_jobs() -> TopApp:
    status = make_status([make_node("node-1"), make_node("node-2")], jobs=QUEUE)
    failures = FailuresTaken("night-walk", make_failures("night-walk", AT))
    return make_app(FIRST, StatusTaken(status), JobsTaken(make_report(AT)), failures)


def test_findings_with_the_remedy_of_the_one_under_the_cursor(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(in_trouble())), "2", "j")


def test_findings_without_colour_on_a_large_terminal(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(in_trouble())), "2", size=LARGE)


def test_no_findings(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), "2")


def test_what_is_well(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), "2", "w")


def test_trouble_of_every_kind_on_a_large_terminal(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(in_trouble())), size=LARGE)


def test_plans(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(*in_a_pipeline()), "3")


def test_a_plan_that_is_getting_ready(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(*in_a_pipeline(settled=False)), "3")


def test_a_pipeline_with_its_links_and_its_bottleneck(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(*in_a_pipeline()), "3", "enter")


def test_a_pipeline_on_a_wide_terminal(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(*in_a_pipeline()), "3", "enter", size=WIDE)


def test_a_model_that_every_node_runs_whole(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), "3", "enter")


def test_the_versions_of_a_model(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(in_versions())), "3", "enter", "tab")


def test_a_version_that_a_node_refuses_on_a_wide_terminal(snap_compare: Compare) -> None:
    app = make_app(FIRST, StatusTaken(in_versions(preparing=True)))
    assert looks_as_before(snap_compare, app, "3", "enter", "tab", size=WIDE)


@pytest.mark.parametrize("key", ["m", "b"])
def test_the_question_before_another_version_is_put_into_force(snap_compare: Compare, key: str) -> None:
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(in_versions())), "3", "enter", "tab", key)


def test_the_question_for_a_plan(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), "3", "p")


def test_a_proposal(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), "3", "p", "ctrl+s")


def test_a_plan_that_cannot_be_made(snap_compare: Compare) -> None:
    source = StillSource(FIRST, StatusTaken(healthy()), refuse=True)
    assert looks_as_before(snap_compare, make_app(source=source), "3", "p", "ctrl+s")


def test_the_question_before_a_reset(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(*in_a_pipeline()), "3", "z")


def test_jobs(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, with_jobs(), "4")


def test_jobs_that_this_user_may_not_see(snap_compare: Compare) -> None:
    withheld = Withheld("jobs", "carol may not publish on control.carol.jobs.list")
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(healthy()), withheld), "4")


def test_a_batch_and_why_its_jobs_failed(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, with_jobs(), "4", "enter")


@pytest.mark.parametrize("key", ["t", "c", "x"])
def test_the_question_before_a_batch_is_changed(snap_compare: Compare, key: str) -> None:
    assert looks_as_before(snap_compare, with_jobs(), "4", key)


def test_controllers_and_their_leases(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(in_trouble())), "5")


def test_servers_and_witnesses_between_the_controllers_and_their_leases(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(shaken())), "5")


def test_events_above_the_record(snap_compare: Compare) -> None:
    event = EventTaken("gate", Event(at=AT + 2, kind="blind", text="gate.lan:554 refused the connection"))
    app = make_app(FIRST, StatusTaken(healthy()), event, EntriesTaken(make_entries(AT)))
    assert looks_as_before(snap_compare, app, "6")


def test_a_record_that_this_user_may_not_read(snap_compare: Compare) -> None:
    withheld = Withheld("record", "carol may not publish on $JS.API.STREAM.INFO.audit")
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(healthy()), withheld), "6")


def test_the_help_of_the_jobs(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, with_jobs(), "4", "question_mark")

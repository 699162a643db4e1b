from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.peers import LOST, Heard, close_accounts, judge
from controller.results.ledger import add_counts
from wire.cameras import CameraConfig, CameraStatus
from wire.messages import Counts
from wire.status import ControllerStatus

CONFIG = CameraConfig(camera="door", url="rtsp://u:secret@h/p", models=("m",))
REASONS = st.dictionaries(st.sampled_from(["superseded", LOST, "internal"]), st.integers(1, 9))


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    inferred, gated, still_open = (draw(st.integers(0, 50)) for _ in range(3))
    dropped, failed = draw(REASONS), draw(REASONS)
    offered = inferred + gated + still_open + sum(dropped.values()) + sum(failed.values())
    return Counts(offered=offered, inferred=inferred, gated=gated, dropped=dropped, failed=failed, open=still_open)


def ends(found: Counts) -> int:
    return found.inferred + found.gated + sum(found.dropped.values()) + sum(found.failed.values())


def status_with(found: Counts) -> ControllerStatus:
    return ControllerStatus(
        controller="c1",
        session="s",
        at=0.0,
        version="1",
        uptime_s=1.0,
        plans=True,
        cameras=("door",),
        counts=found,
        latency_ms={},
    )


@given(st.lists(counts(), max_size=5))
def test_the_sum_of_ledgers_that_add_up_adds_up(several: list[Counts]) -> None:
    total = add_counts(several)
    assert total.offered == ends(total) + total.open == sum(each.offered for each in several)


@given(counts())
def test_what_a_dead_controller_had_open_has_failed_and_its_account_still_adds_up(found: Counts) -> None:
    closed = close_accounts(status_with(found))
    assert closed.counts.offered == ends(closed.counts) == found.offered
    assert closed.counts.failed.get(LOST, 0) == found.failed.get(LOST, 0) + found.open
    assert (closed.liveness, closed.plans, closed.cameras) == ("dead", False, ())


def camera_status(controller: str) -> CameraStatus:
    return CameraStatus(
        camera="door",
        source="s",
        models=("m",),
        phase="live",
        reason="",
        since=0.0,
        fps=5.0,
        frames=7,
        restarts=0,
        counts=Counts(),
        controller=controller,
    )


def test_the_owner_s_fresh_word_is_passed_on() -> None:
    told = camera_status("c1")
    assert judge(CONFIG, Heard(told, 10.0), "c1", 11.0) is told


def test_a_camera_that_nobody_has_is_blind_and_says_why() -> None:
    found = judge(CONFIG, Heard(camera_status("c1"), 10.0), None, 11.0)
    assert (found.phase, found.fps, found.frames, found.controller) == ("blind", 0.0, 7, "")
    assert found.reason == "no controller has it at the moment"


def test_a_camera_of_which_nothing_was_ever_heard_shows_no_password() -> None:
    found = judge(CONFIG, None, "c2", 11.0)
    assert (found.phase, found.reason) == ("blind", "nothing is heard of it from the controller c2")
    assert "secret" not in found.source


def test_an_owner_that_falls_silent_makes_the_camera_blind() -> None:
    assert judge(CONFIG, Heard(camera_status("c1"), 10.0), "c1", 13.5).phase == "blind"

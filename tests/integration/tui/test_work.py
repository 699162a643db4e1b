"""What a person does about plans and jobs, key by key."""

from __future__ import annotations

from textual.pilot import Pilot
from textual.widgets import Label

from tests.tui_testing.apps import make_app, settle
from tests.tui_testing.archives import QUEUE, make_failures, make_report
from tests.tui_testing.boards import AT, MODEL, StillSource, make_camera, make_node, make_status
from tests.tui_testing.scenes import FIRST
from tests.tui_testing.versions import NEWEST, OLDEST, in_versions
from tui.actions import Action, ApplyPlan, CancelJobs, ForgetBatch, Promote, ResetPlan, RetryJobs, RollBack
from tui.screens.plan import PlanScreen
from tui.updates import FailuresTaken, JobsTaken, StatusTaken, Wants
from wire.plans import PlanRequest

SIZE = (80, 24)


def working(*, refuse: bool = False) -> StillSource:
    status = make_status([make_node("node-1")], [make_camera("door")], jobs=QUEUE)
    failures = FailuresTaken("night-walk", make_failures("night-walk", AT))
    return StillSource(FIRST, StatusTaken(status), JobsTaken(make_report(AT)), failures, refuse=refuse)


async def press(pilot: Pilot[None], keys: str) -> None:
    for key in keys.split():
        await pilot.press(key)
        await settle(pilot)
        if under_way := [each for each in pilot.app.workers if each.group != "source"]:
            await pilot.app.workers.wait_for_complete(under_way)
            await settle(pilot)


async def go_home(pilot: Pilot[None]) -> None:
    while len(pilot.app.screen_stack) > 1:
        await press(pilot, "escape")
    await press(pilot, "1")


FIRST_FAILED = f"{1:032x}"
ACTIONS: dict[str, list[Action]] = {
    "4 t y": [RetryJobs("night-walk")],
    "4 t n": [],
    "4 j c y": [CancelJobs("harvest-cam")],
    "4 g x y": [ForgetBatch("night-walk")],
    "4 g enter t y": [RetryJobs("night-walk", (FIRST_FAILED,))],
    "4 g enter T y": [RetryJobs("night-walk")],
    "4 g enter c y": [CancelJobs("night-walk")],
    "3 z y": [ResetPlan(MODEL)],
    "3 z escape": [],
    "3 enter z y": [ResetPlan(MODEL)],
    "3 p ctrl+s ctrl+s": [ApplyPlan(PlanRequest(model=MODEL, objective="throughput"))],
    "3 p right enter ctrl+s ctrl+s": [ApplyPlan(PlanRequest(model=MODEL, objective="latency"))],
    "3 p ctrl+s escape": [],
    "3 enter p ctrl+s ctrl+s": [ApplyPlan(PlanRequest(model=MODEL, objective="throughput"))],
}


async def test_an_action_is_done_only_after_a_yes_and_a_plan_only_after_it_was_seen() -> None:
    source = working()
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for keys, acted in ACTIONS.items():
            source.acted.clear()
            await press(pilot, keys)
            assert source.acted == acted, keys
            await go_home(pilot)


VERSIONS: dict[str, list[Action]] = {
    "3 enter tab m y": [Promote(MODEL, "2.0.0", NEWEST)],
    "3 enter tab m n": [],
    "3 enter m y": [],  # the cursor is in another table
    "3 enter tab j m y": [],  # that one is in force already
    "3 enter tab G m y": [Promote(MODEL, "1.0.0", OLDEST)],
    "3 enter b y": [RollBack(MODEL, "1.1.0")],
    "3 enter b escape": [],
}


async def test_a_version_is_put_into_force_or_taken_back_only_after_a_yes() -> None:
    source = StillSource(FIRST, StatusTaken(in_versions()))
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for keys, acted in VERSIONS.items():
            source.acted.clear()
            await press(pilot, keys)
            assert source.acted == acted, keys
            await go_home(pilot)


async def test_where_there_is_one_version_nothing_can_be_taken_back() -> None:
    source = working()
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3 enter b y")
        assert not app.screen.query_one("#versions").display
        assert source.acted == []


async def test_another_objective_makes_what_was_proposed_void() -> None:
    source = working()
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3 p ctrl+s right enter ctrl+s")
        assert isinstance(app.screen, PlanScreen)
        assert source.acted == []


async def test_a_plan_that_cannot_be_made_says_why_and_nothing_is_applied() -> None:
    source = working(refuse=True)
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "3 p ctrl+s")
        assert "no node can run it; add nodes" in str(app.screen.query_one("#said", Label).render())
        await press(pilot, "ctrl+s")
        assert source.acted == []


async def test_the_failures_of_a_batch_are_asked_for_while_it_is_open() -> None:
    source = working()
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "4 enter")
        app.repaint()
        assert source.wanted == Wants(jobs=True, batch="night-walk")
        await press(pilot, "escape")
        app.repaint()
        assert source.wanted == Wants(jobs=True)


async def test_a_click_on_a_tab_shows_its_view() -> None:
    app = make_app(source=working())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.click("TabStrip", offset=(14, 0))
        await settle(pilot)
        assert app.current_mode == "findings"

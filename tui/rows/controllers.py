"""Controllers, and which of them has which duty, as rows."""

from __future__ import annotations

from tui.columns import MARK, Column, Row
from tui.rows.order import natural_key, worst_first
from tui.severity import Assessment, Severity, judge_camera, judge_controller
from tui.texts import NONE, format_count, format_ms, format_span, printable
from wire.status import ControllerStatus

CONTROLLER_COLUMNS = (
    MARK,
    Column("controller", "CONTROLLER", 14),
    Column("state", "STATE", 10),
    Column("plans", "PLANS", 5),
    Column("cameras", "CAMERAS", 7, right=True),
    Column("offered", "OFFERED", 7, rank=2, right=True),
    Column("open", "OPEN", 5, rank=4, right=True),
    Column("p50", "P50", 7, rank=6, right=True),
    Column("p99", "P99", 7, rank=6, right=True),
    Column("up", "UP", 6, rank=5, right=True),
    Column("version", "VERSION, OR WHY", 9, grows=True),
)
DUTY_COLUMNS = (
    MARK,
    Column("duty", "DUTY", 22),
    Column("state", "STATE", 10),
    Column("owner", "HELD BY", 14),
    Column("why", "IN WORDS", 20, grows=True),
)
PLANNING = "planning"


def controller_rows(assessment: Assessment) -> tuple[Row, ...]:
    """Return a row a controller under CONTROLLER_COLUMNS."""
    return worst_first(_controller_row(each, assessment) for each in assessment.status.controllers)


def duty_rows(assessment: Assessment) -> tuple[Row, ...]:
    """Return a row a lease under DUTY_COLUMNS: who plans, and who has each camera."""
    status = assessment.status
    planner = next((each.controller for each in status.controllers if each.plans and each.liveness == "live"), "")
    rows = [_duty_row(PLANNING, planner, Severity.OK, "held", "lays out the models, and watches over the cluster")]
    for camera in sorted(status.cameras, key=lambda camera: natural_key(camera.camera)):
        verdict = judge_camera(camera, assessment)
        why = verdict.why or ", ".join(camera.models)
        rows.append(_duty_row(f"camera {camera.camera}", camera.controller, verdict.severity, verdict.word, why))
    return tuple(rows)


def _duty_row(duty: str, owner: str, severity: Severity, word: str, why: str) -> Row:
    if not owner:
        severity, word, why = Severity.WARN, "nobody's", "no controller holds the lease: it is taken within seconds"
    return Row(duty, severity, (severity.mark, *map(printable, (duty, word, owner or NONE, why))))


def _controller_row(controller: ControllerStatus, assessment: Assessment) -> Row:
    verdict = judge_controller(controller, assessment)
    dead = controller.liveness != "live"
    cells = (
        verdict.severity.mark,
        controller.controller,
        verdict.word,
        "yes" if controller.plans and not dead else NONE,
        NONE if dead else str(len(controller.cameras)),
        format_count(controller.counts.offered),
        NONE if dead else format_count(controller.counts.open),
        format_ms(controller.latency_ms.get("p50")),
        format_ms(controller.latency_ms.get("p99")),
        NONE if dead else format_span(controller.uptime_s),
        verdict.why or controller.version,
    )
    return Row(controller.controller, verdict.severity, tuple(map(printable, cells)))

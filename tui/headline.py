"""The cluster in one line."""

from __future__ import annotations

from dataclasses import dataclass

from tui.moment import Moment
from tui.severity import Assessment, Severity, Verdict, judge_cluster
from tui.state import Dashboard, Phase
from tui.texts import format_ms, format_span, printable
from wire.findings import Finding
from wire.status import ClusterStatus


@dataclass(frozen=True, slots=True)
class Headline:
    """The state's word, the numbers behind it, and what is wrong."""

    severity: Severity
    word: str
    numbers: tuple[str, ...]  # the most telling first
    problem: str  # empty while all is well


def fit_numbers(numbers: tuple[str, ...], width: int) -> str:
    """Return as many of them, from the first, as so many columns hold; the first one in any case."""
    for count in range(len(numbers), 1, -1):
        if len(found := "  ".join(numbers[:count])) <= width:
            return found
    return "".join(numbers[:1])


def summarise(moment: Moment) -> Headline:
    """Say how the cluster is."""
    board = moment.board
    numbers = _count(board) or (board.connection.where,)
    match board.connection.phase:
        case Phase.CONNECTING:
            return Headline(Severity.NOTE, "CONNECTING", numbers, "")
        case Phase.LOST:
            return Headline(Severity.BAD, "DISCONNECTED", numbers, printable(_explain_loss(board, moment.now)))
        case Phase.SILENT:
            return Headline(Severity.BAD, "NO CONTROLLER", numbers, printable(_explain(board)))
        case Phase.CONNECTED:
            verdict, problem = _judge(moment)
            return Headline(verdict.severity, verdict.word, numbers, printable(problem))


def tell_problems(assessment: Assessment) -> str:
    """Say what is wrong in a line, the worst first, each as ``node pi-3: silent for 12 s``."""
    return "; ".join(tell_problem(each) for each in assessment.troubles)


def tell_problem(finding: Finding) -> str:
    """Say what is wrong with one thing."""
    about = "jobs" if finding.about == "jobs" else finding.about.partition(" ")[2] or finding.about
    return f"{about}: {finding.text}"


def _judge(moment: Moment) -> tuple[Verdict, str]:
    assessment = moment.assessment
    if assessment is None or moment.is_stale:
        return Verdict(Severity.BAD, "STALE"), f"nothing new for {format_span(moment.board.waited(moment.now))}"
    return judge_cluster(assessment), tell_problems(assessment)


def _count(board: Dashboard) -> tuple[str, ...]:
    status = board.status
    if status is None:
        return ()
    parts = [
        _share("nodes", [node.liveness == "live" for node in status.nodes]),
        _share("cameras", [camera.phase == "live" for camera in status.cameras]),
        _share("models", [bool(model.nodes_ready) for model in status.models]),
    ]
    rate = board.points[-1].inferred if board.points else None
    parts += [f"{rate:.1f}/s"] if rate is not None else []
    parts += _describe_blindness(status)
    parts += [f"{name} {format_ms(status.latency_ms[name])}" for name in ("p50", "p99") if status.latency_ms.get(name)]
    return tuple(parts)


def _describe_blindness(status: ClusterStatus) -> list[str]:
    blind = sum(camera.seconds_blind for camera in status.cameras)
    return [f"blind {format_span(blind)}"] if blind else []


def _share(noun: str, well: list[bool]) -> str:
    return f"{sum(well)}/{len(well)} {noun}"


def _explain(board: Dashboard) -> str:
    connection = board.connection
    return connection.reason + (f": {connection.remedy}" if connection.remedy else "")


def _explain_loss(board: Dashboard, now: float) -> str:
    retry = board.connection.retry_mono
    when = "trying now" if retry is None or retry <= now else f"next try in {retry - now:.0f} s"
    return f"{when}; {_explain(board)}"

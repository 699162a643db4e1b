"""What is wrong, as rows, the worst first."""

from __future__ import annotations

from tui.columns import MARK, Column, Row
from tui.jump import Target
from tui.severity import SEVERITIES, Assessment, worst_first
from tui.texts import printable
from wire.findings import Finding

FINDING_COLUMNS = (
    MARK,
    Column("about", "ABOUT", 20),
    Column("state", "CHECK", 11),
    Column("text", "WHAT", 24, grows=True),
)
_VIEWS = {
    "jobs": Target("view", "jobs"),
    "controller": Target("view", "controllers"),
    "record": Target("view", "events"),
    "server": Target("view", "controllers"),
    "servers": Target("view", "controllers"),
    "witness": Target("view", "controllers"),
}


def finding_rows(assessment: Assessment, *, everything: bool = False) -> tuple[Row, ...]:
    """Return a row a finding under FINDING_COLUMNS; with ``everything`` also what is well, last."""
    wrong = worst_first(assessment.findings)
    well = (each for each in assessment.findings if each not in wrong) if everything else ()
    return tuple(_finding_row(number, each) for number, each in enumerate((*wrong, *well)))


def find_finding(assessment: Assessment, key: str) -> Finding | None:
    """Return the finding that a row is about."""
    return next((each for each in assessment.findings if _key(each) == key.partition("#")[0]), None)


def find_place(finding: Finding) -> Target | None:
    """Return where more is to be seen about a finding; None where there is no such place."""
    noun, _, name = finding.about.partition(" ")
    if noun in ("node", "camera", "model") and name:
        return Target(noun, name)  # type: ignore[arg-type]  # the tuple holds it to these
    return _VIEWS.get(noun)


def _finding_row(number: int, finding: Finding) -> Row:
    severity = SEVERITIES[finding.severity]
    return Row(
        f"{_key(finding)}#{number}",
        severity,
        (severity.mark, *map(printable, (finding.about, finding.check, finding.text))),
    )


def _key(finding: Finding) -> str:
    return f"{finding.about}/{finding.check}"

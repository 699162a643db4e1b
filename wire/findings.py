"""What an examination finds: of a node by its own agent, of the cluster by whoever looks at it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum

from wire.ids import Token
from wire.messages import Message, NotNegative


class Severity(StrEnum):
    """How bad it is."""

    WELL = "well"
    WARNING = "warning"  # it works, worse than it could, or not for long
    BROKEN = "broken"


class Health(IntEnum):
    """The exit code of an examination, so that cron and monitoring can act on it."""

    WELL = 0
    WARNINGS = 1
    BROKEN = 2
    UNKNOWN = 3  # it could not look


class Finding(Message, frozen=True, omit_defaults=True):
    """One thing that was looked at. ``text`` says what is, with its value; ``remedy`` what to do about it."""

    about: str  # such as "node pi-3", "camera door", "broker"
    check: Token
    severity: Severity
    text: str
    remedy: str = ""


class Examination(Message, frozen=True):
    """A node's findings about itself."""

    node: Token
    at: float  # the node's clock when it answered, Unix seconds
    took_s: NotNegative
    findings: tuple[Finding, ...]


def judge_health(findings: Iterable[Finding]) -> Health:
    """Return how well it is: as bad as the worst finding."""
    found = {finding.severity for finding in findings}
    if Severity.BROKEN in found:
        return Health.BROKEN
    return Health.WARNINGS if Severity.WARNING in found else Health.WELL


def well(about: str, check: str, text: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(about=about, check=check, severity=Severity.WELL, text=text)


def warning(about: str, check: str, text: str, remedy: str) -> Finding:
    """Return that something works worse than it could, or not for long."""
    return Finding(about=about, check=check, severity=Severity.WARNING, text=text, remedy=remedy)


def broken(about: str, check: str, text: str, remedy: str) -> Finding:
    """Return that something does not work."""
    return Finding(about=about, check=check, severity=Severity.BROKEN, text=text, remedy=remedy)

"""Findings that come and go, folded into beginnings and ends. Pure; ``now`` is a monotonic clock's seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from wire.findings import Finding, Severity

Key = tuple[str, str]
"""What it is about, and which check."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A finding that is not well. ``changed`` is when it came, or went and may be gone for good."""

    finding: Finding
    changed: float
    present: bool = True
    told: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A trouble that began, or ended, and should be told."""

    finding: Finding
    began: bool
    since: str = ""  # what is said of the matter now that it has ended; empty where there is nothing to say


Troubles = dict[Key, Trouble]


def fold_findings(
    troubles: Troubles, findings: Iterable[Finding], now: float, *, patience_s: float
) -> tuple[Troubles, tuple[Change, ...]]:
    """Return the troubles after a look at everything, and what is to be told.

    A trouble is told once it has lasted ``patience_s`` seconds, and its end once it has been away for as long; what
    flaps faster is told once. Of several findings on one matter the worst counts.
    """
    found: dict[Key, Finding] = {}
    well: dict[Key, str] = {}
    for finding in findings:
        key = _key(finding)
        if finding.severity is Severity.WELL:
            well[key] = finding.text
        if finding.severity is Severity.BROKEN or (finding.severity is Severity.WARNING and key not in found):
            found[key] = finding
    after: Troubles = {}
    changes: list[Change] = []
    for key in sorted(troubles.keys() | found.keys()):
        trouble = _fold(troubles.get(key), found.get(key), now, patience_s, changes)
        if trouble is not None:
            after[key] = trouble
    return after, tuple(
        each if each.began else replace(each, since=well.get(_key(each.finding), "")) for each in changes
    )


def describe(change: Change) -> str:
    """Return it in words: what began, or what is so now that it has ended, and what was."""
    if change.began:
        return change.finding.text
    return f"{change.since or 'over'} (it was: {change.finding.text})"


def _key(finding: Finding) -> Key:
    return finding.about, finding.check


def _fold(
    known: Trouble | None, finding: Finding | None, now: float, patience_s: float, changes: list[Change]
) -> Trouble | None:
    if finding is not None:
        since = known.changed if known is not None and known.present else now
        told = known is not None and known.told
        if not told and now - since >= patience_s:
            changes.append(Change(finding, began=True))
            told = True
        return Trouble(finding, since, told=told)
    if known is None or not known.told:
        return None
    gone = replace(known, present=False, changed=now if known.present else known.changed)
    if now - gone.changed < patience_s:
        return gone
    changes.append(Change(known.finding, began=False))
    return None

"""What is wrong and what is seen, folded from statuses and results into notices. Pure; ``now`` is monotonic seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from notifier.notice import Notice
from notifier.settings import Sighting
from wire.findings import Finding, Severity
from wire.messages import Result

WARNED = frozenset({"throttling", "temperature", "memory", "versions"})
"""Warnings worth telling; the others come and go, or were somebody's wish."""

MAX_SEEN = 1000
"""Sightings held at a time; labels come from results."""

Key = tuple[str, str]
"""What it is about, and which check or label."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A finding that is not well. ``changed`` is when it came, or went and may be gone for good."""

    finding: Finding
    changed: float
    present: bool = True
    told: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A label in front of a camera."""

    last: float
    hold_s: float


Troubles = dict[Key, Trouble]
Sights = dict[Key, Seen]


def is_worth_telling(finding: Finding) -> bool:
    """Tell whether a finding becomes a notice once it lasts."""
    return finding.severity is Severity.BROKEN or (finding.severity is Severity.WARNING and finding.check in WARNED)


def fold_findings(
    troubles: Troubles, findings: Iterable[Finding], now: float, *, at: float, patience_s: float
) -> tuple[Troubles, tuple[Notice, ...]]:
    """Return the troubles after an examination, and what is to be told.

    A trouble is told once it has lasted ``patience_s`` seconds, and its end once it has been away for as long; what
    flaps faster is told once.
    """
    found = {(each.about, each.check): each for each in findings if is_worth_telling(each)}
    after: Troubles = {}
    notices: list[Notice] = []
    for key in sorted(troubles.keys() | found.keys()):
        known, finding = troubles.get(key), found.get(key)
        if known is None:
            assert finding is not None  # one of the two has the key
            known = Trouble(finding, now)
        if finding is not None:
            trouble = replace(known, finding=finding, present=True, changed=known.changed if known.present else now)
            if not trouble.told and now - trouble.changed >= patience_s:
                notices.append(_tell_trouble(finding, "raised", at))
                trouble = replace(trouble, told=True)
            after[key] = trouble
        elif known.told:
            trouble = replace(known, present=False, changed=now if known.present else known.changed)
            if now - trouble.changed >= patience_s:
                notices.append(_tell_trouble(known.finding, "cleared", at))
            else:
                after[key] = trouble
    return after, tuple(notices)


def fold_result(
    sights: Sights, result: Result, rules: Iterable[Sighting], now: float, *, at: float
) -> tuple[Sights, tuple[Notice, ...]]:
    """Return the sights after a result, and what is to be told of it."""
    after = dict(sights)
    notices = []
    for label, hold_s in _find_labels(result, rules):
        key = (result.camera, label)
        if key not in after and len(after) < MAX_SEEN:
            notices.append(_tell_sight(key, "raised", at, result.frame))
        if key in after or len(after) < MAX_SEEN:
            after[key] = Seen(now, max(hold_s, after[key].hold_s if key in after else 0.0))
    return after, tuple(notices)


def expire(sights: Sights, now: float, *, at: float) -> tuple[Sights, tuple[Notice, ...]]:
    """Return the sights without those that have not been seen for their hold time."""
    gone = [key for key, seen in sights.items() if now - seen.last >= seen.hold_s]
    left = {key: seen for key, seen in sights.items() if key not in gone}
    return left, tuple(_tell_sight(key, "cleared", at) for key in gone)


def _find_labels(result: Result, rules: Iterable[Sighting]) -> Iterator[tuple[str, float]]:
    found = [(each.label, each.score) for each in result.detections or ()]
    found += [(each.label, each.score) for each in result.classes or ()]
    for rule in rules:
        if rule.cameras and result.camera not in rule.cameras:
            continue
        for label in rule.labels:
            if any(each == label and score >= rule.threshold for each, score in found):
                yield label, rule.hold_s


def _tell_trouble(finding: Finding, state: str, at: float) -> Notice:
    over = state == "cleared"
    return Notice(
        kind="trouble",
        state="cleared" if over else "raised",
        about=finding.about,
        check=finding.check,
        severity=finding.severity.value,
        text=f"{finding.about}: over: {finding.text}" if over else f"{finding.about}: {finding.text}",
        at=at,
        remedy="" if over else finding.remedy,
    )


def _tell_sight(key: Key, state: str, at: float, frame: str = "") -> Notice:
    camera, label = key
    over = state == "cleared"
    return Notice(
        kind="sighting",
        state="cleared" if over else "raised",
        about=f"camera {camera}",
        check=label,
        severity="",
        text=f"camera {camera}: {'no more ' if over else ''}{label}",
        at=at,
        frame=frame,
    )

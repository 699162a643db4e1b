"""What is worth telling of findings and results. Pure; ``now`` is a monotonic clock's seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from notifier.notice import Notice
from notifier.settings import Sighting
from wire.findings import Finding, Severity
from wire.messages import Result
from wire.troubles import Change, Key, describe

WARNED = frozenset({"throttling", "temperature", "memory", "versions", "record", "witness", "primary", "messages"})
"""Warnings worth telling; the others come and go, or were somebody's wish."""

MAX_SEEN = 1000
"""Sightings held at a time; labels come from results."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A label in front of a camera."""

    last: float
    hold_s: float


Sights = dict[Key, Seen]


def is_worth_telling(finding: Finding) -> bool:
    """Tell whether a finding becomes a notice once it lasts."""
    return finding.severity is Severity.BROKEN or (finding.severity is Severity.WARNING and finding.check in WARNED)


def tell_change(change: Change, at: float) -> Notice:
    """Return the notice of a trouble that began or ended."""
    finding = change.finding
    return Notice(
        kind="trouble",
        state="raised" if change.began else "cleared",
        about=finding.about,
        check=finding.check,
        severity=finding.severity.value,
        text=f"{finding.about}: {describe(change)}",
        at=at,
        remedy=finding.remedy if change.began else "",
    )


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

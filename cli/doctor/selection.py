"""Which findings are wanted, and which of two on one matter."""

from __future__ import annotations

from collections.abc import Iterable

from wire.findings import Finding


def choose(findings: Iterable[Finding], kind: str, name: str | None) -> tuple[Finding, ...]:
    """Return the findings about one kind of thing, or about one of them."""
    wanted = f"{kind} {name}" if name else f"{kind} "
    return tuple(each for each in findings if each.about == wanted or (not name and each.about.startswith(wanted)))


def merge(seen: Iterable[Finding], told: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put together what the controller sees and what nodes tell of themselves; of one matter the node knows more."""
    own = tuple(told)
    matters = {(each.about, each.check) for each in own}
    return (*(each for each in seen if (each.about, each.check) not in matters), *own)

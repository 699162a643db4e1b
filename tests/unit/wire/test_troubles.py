"""What is told when a trouble ends."""

from __future__ import annotations

from wire.findings import Finding, broken, warning, well
from wire.troubles import Change, describe, fold_findings

SILENT = broken("node pi-3", "heartbeat", "silent for 12 s", "look at its power")
HEARD = well("node pi-3", "heartbeat", "heard 0.4 s ago")
BUSY = warning("node pi-3", "load", "load 9.0 on 4 cores", "give it less to do")


def play(*looks: tuple[Finding, ...]) -> list[Change]:
    troubles, told = {}, []
    for now, findings in enumerate(looks):
        troubles, changes = fold_findings(troubles, findings, float(now), patience_s=0.0)
        told += changes
    return told


def test_an_end_says_what_is_so_now_and_what_was() -> None:
    begun, ended = play((SILENT,), (HEARD,), (HEARD,))

    assert describe(begun) == "silent for 12 s"
    assert describe(ended) == "heard 0.4 s ago (it was: silent for 12 s)"


def test_an_end_of_which_nothing_is_said_any_more_is_over() -> None:
    _, ended = play((BUSY, HEARD), (HEARD,), (HEARD,))

    assert describe(ended) == "over (it was: load 9.0 on 4 cores)"

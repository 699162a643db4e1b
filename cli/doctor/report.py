"""Findings as people read them: by what they are about, the worst first, with a last line that sums up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from cli.output import printable
from wire.findings import Finding, Severity

_MARKS = {Severity.WELL: ("✔", "green"), Severity.WARNING: ("▲", "yellow"), Severity.BROKEN: ("✖", "bold red")}
_WORST_FIRST = (Severity.BROKEN, Severity.WARNING, Severity.WELL)


def print_findings(findings: Sequence[Finding], *, show_all: bool, console: Console | None = None) -> None:
    """Print what is not well, or everything, on stdout."""
    console = console or Console(soft_wrap=True, highlight=False)
    shown = [each for each in findings if show_all or each.severity is not Severity.WELL]
    shown.sort(key=lambda each: each.about)
    for about, group in groupby(shown, key=lambda each: each.about):
        console.print(Text(printable(about), style="bold"))
        for finding in sorted(group, key=lambda each: _WORST_FIRST.index(each.severity)):
            mark, style = _MARKS[finding.severity]
            console.print(
                Text(f"  {mark} ", style=style) + Text(f"{finding.check}: {printable(finding.text)}", style="")
            )
            if finding.remedy:
                console.print(Text(f"    → {printable(finding.remedy)}", style="dim"))
    console.print(Text(sum_up(findings)))


def sum_up(findings: Sequence[Finding]) -> str:
    """Return the last line: ``1 broken, 2 warnings, 40 well``."""
    counts = {severity: sum(each.severity is severity for each in findings) for severity in _WORST_FIRST}
    words = [f"{counts[Severity.BROKEN]} broken"] if counts[Severity.BROKEN] else []
    if warnings := counts[Severity.WARNING]:
        words.append(f"{warnings} warning{'s' if warnings > 1 else ''}")
    return ", ".join([*words, f"{counts[Severity.WELL]} well"])

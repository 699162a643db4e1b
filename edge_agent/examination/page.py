"""``bramble-agent doctor``: the examination of this node on its own terminal, also while no server can be reached."""

from __future__ import annotations

import argparse
import re
import socket
import sys
from collections.abc import Mapping, Sequence

import msgspec

from edge_agent.examiner import examine
from edge_agent.settings import parse_settings
from wire.findings import Examination, Health, Severity, judge_health

_MARKS = {Severity.WELL: "ok     ", Severity.WARNING: "warning", Severity.BROKEN: "BROKEN "}


def run_doctor(arguments: Sequence[str], *, environ: Mapping[str, str]) -> Health:
    """Examine this node, print the findings, and return the exit code.

    Raises:
        BadRequestError: a name or the profile is not valid.

    """
    parser = argparse.ArgumentParser(
        prog="bramble-agent doctor",
        description="Says what is wrong with this node, with the remedy. Needs no server.",
        epilog="Takes the agent's own options, such as --cache. Exit codes: 0 well, 1 warnings, 2 broken.",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    own, options = parser.parse_known_args(arguments)
    name = re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname().partition(".")[0])[:64]
    found = examine(parse_settings(["--node", name, *options], environ=environ))
    if own.json:
        lines: Sequence[str] = [msgspec.json.encode(found).decode()]
    else:
        lines = describe(found)
    sys.stdout.write("\n".join(lines) + "\n")
    return judge_health(found.findings)


def describe(found: Examination) -> list[str]:
    """Return a line for each finding, and one for each remedy."""
    lines = []
    for finding in found.findings:
        lines.append(f"{_MARKS[finding.severity]}  {finding.check}: {finding.text}")
        if finding.remedy:
            lines.append(f"         remedy: {finding.remedy}")
    return lines

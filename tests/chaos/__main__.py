"""``python -m tests.chaos``: faults by a seed, invariants to the last frame, and a report."""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path

from tests.chaos.course import Course
from tests.chaos.report import to_html, to_markdown
from tests.chaos.run import run
from tests.chaos.schedule import Kind, draw
from tests.chaos.verdict import judge
from wire.logs import configure_logging


def main() -> int:
    """Run, report, and return 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--controllers", type=int, default=2)
    parser.add_argument("--only", action="append", type=Kind, choices=list(Kind), help="this kind of fault; repeatable")
    parser.add_argument("--out", type=Path, default=Path("out/chaos"))
    found = parser.parse_args()
    configure_logging("critical", journal=True)
    found.out.mkdir(parents=True, exist_ok=True)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    kinds = found.only or tuple(Kind)
    choose = partial(draw, found.seed, seconds=found.seconds, kinds=kinds)
    course = Course(found.seed, found.seconds, choose, nodes=found.nodes, controllers=found.controllers)
    record = asyncio.run(run(course, log=found.out / "cluster.log", say=say))
    findings = judge(record)
    report = to_markdown(record, findings)
    (found.out / "report.md").write_text(report, "utf-8")
    (found.out / "report.html").write_text(to_html(record, findings), "utf-8")
    print(report)
    say(f"the report with its timeline is {found.out / 'report.html'}")
    return 0 if all(each.held for each in findings) else 1


if __name__ == "__main__":
    sys.exit(main())

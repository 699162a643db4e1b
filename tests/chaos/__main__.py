"""``python -m tests.chaos``: faults by a seed, invariants to the last frame, and a report."""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path

from tests.chaos.cluster import open_local
from tests.chaos.course import Course
from tests.chaos.drill import DRILL, judge_drill
from tests.chaos.elections import hear_elections
from tests.chaos.load import MODEL
from tests.chaos.report import to_html, to_markdown
from tests.chaos.run import run
from tests.chaos.schedule import CUTS, LEADERS, MIXED, Kind, draw, draw_drill
from tests.chaos.three_servers import open_three_servers
from tests.chaos.verdict import judge
from wire.logs import configure_logging


def main() -> int:
    """Run, report, and return 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--nodes", type=int, help="default: 4, and 12 where agents are killed again and again")
    parser.add_argument("--controllers", type=int, help="default: 2, and 1 beside one that is cut off")
    parser.add_argument("--only", action="append", type=Kind, choices=list(Kind), help="this kind of fault; repeatable")
    parser.add_argument(
        "--count", type=int, help="a drill: so many of the one kind, each measured; --seconds is not used"
    )
    parser.add_argument("--out", type=Path, default=Path("out/chaos"))
    found = parser.parse_args()
    configure_logging("critical", journal=True)
    found.out.mkdir(parents=True, exist_ok=True)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    kinds: tuple[Kind, ...] = tuple(found.only or (*MIXED, *CUTS))
    if found.count and len(kinds) != 1:
        parser.error("--count goes with one --only: a drill repeats one kind of fault")
    if not set(kinds).isdisjoint(LEADERS) and not found.count:
        parser.error("what is done to a leading server is a drill on three servers: say --count too")
    course = choose_drill(found, kinds[0]) if found.count else choose_mixture(found, kinds)
    opened = open_three_servers if kinds[0] in LEADERS else open_local
    watch = hear_elections if opened is open_three_servers else None
    record = asyncio.run(run(course, log=found.out / "cluster.log", say=say, opened=opened, watch=watch))
    findings = (*judge(record), *(judge_drill(record, kinds[0]) if found.count else ()))
    report = to_markdown(record, findings)
    (found.out / "report.md").write_text(report, "utf-8")
    (found.out / "report.html").write_text(to_html(record, findings), "utf-8")
    print(report)
    say(f"the report with its timeline is {found.out / 'report.html'}")
    return 0 if all(each.held for each in findings) else 1


def choose_mixture(found: argparse.Namespace, kinds: tuple[Kind, ...]) -> Course:
    """Return a run of several kinds of faults, close to one another."""
    choose = partial(draw, found.seed, seconds=found.seconds, kinds=kinds)
    guests = not set(kinds).isdisjoint(CUTS)
    return Course(
        found.seed, found.seconds, choose, nodes=found.nodes or 4, controllers=found.controllers or 2, guests=guests
    )


def choose_drill(found: argparse.Namespace, kind: Kind) -> Course:
    """Return a run of one kind of fault, in which each is over before the next."""
    choose = partial(draw_drill, found.seed, kind=kind, count=found.count)
    nodes = found.nodes or (12 if kind is Kind.KILL_AGENT else 4)
    controllers = found.controllers or (1 if kind is Kind.CUT_CONTROLLER else 2)
    return Course(
        found.seed, 0.0, choose, nodes=nodes, controllers=controllers, pace=DRILL,
        models=(MODEL,), guests=kind in CUTS, tapped=kind not in LEADERS,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

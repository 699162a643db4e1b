"""``make bench`` and ``make bench-full``: benchmarks one after another, and what must hold beside what was measured.

    python -m benchmarks [--full] [--out out/bench] [NAME ...]

Each writes its record as JSON; the picture is of the frame path. The exit status is 1 where a benchmark did not run to
its end; bounds that are missed are shown and do not change it, since a busy machine misses them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.frame_path.contender import CONTENDERS
from benchmarks.harness.bounds import Verdict, judge
from benchmarks.harness.chart import draw

QUICK = {
    "frame_path": ("--contenders", "bramble,grpc-uvloop,mosec"),
    "unequal_nodes": ("--seconds", "2"),
    "control": ("--seconds", "3"),
    "cold_paths": ("--rounds", "1"),
}
FULL = {
    "frame_path": ("--full", "--contenders", ",".join(CONTENDERS)),
    "unequal_nodes": ("--seconds", "20"),
    "cameras": ("--seconds", "15"),
    "control": ("--seconds", "15"),
    "cold_paths": ("--rounds", "3"),
    "scaling": (),
}


def run(name: str, arguments: Sequence[str], out: Path) -> bool:
    """Run one benchmark; tell whether it left a record."""
    record = out / f"{name}.json"
    record.unlink(missing_ok=True)
    print(f"== {name}", file=sys.stderr, flush=True)
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments, "--json", str(record)], check=False)
    print(f"== {name} took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return record.exists()


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Print what must hold."""
    table = Table(title="What must hold, on a quiet machine of two cores")
    for name in ("figure", "measured", "bound", ""):
        table.add_column(name, justify="left" if name == "figure" else "right")
    for each in verdicts:
        sign = "at most" if each.at_most else "at least"
        colour = "yellow" if not each.at_rest else "green" if each.holds else "red"
        word = f"[{colour}]{each.word}[/]"
        table.add_row(each.what, f"{each.measured:.3g} {each.unit}", f"{sign} {each.bound:.3g} {each.unit}", word)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def main() -> None:
    """Run them, draw, judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--full", action="store_true", help="all of them, for about an hour")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="where records and the picture go")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(FULL)}")
    given = parser.parse_args()
    chosen = FULL if given.full else QUICK
    if unknown := set(given.names) - set(chosen):
        parser.error(f"not in this set: {', '.join(sorted(unknown))}; it has {', '.join(chosen)}")
    given.out.mkdir(parents=True, exist_ok=True)
    names = given.names or list(chosen)
    ended = [run(name, chosen[name], given.out) for name in names]
    records = {path.stem: json.loads(path.read_bytes()) for path in sorted(given.out.glob("*.json"))}
    if "frame_path" in records:
        machine = records["frame_path"]["machine"]
        note = f"{machine['processor']}, {machine['cores']} cores, {machine['commit']}"
        titles = {name: each.title for name, each in CONTENDERS.items()}
        draw(records["frame_path"]["summary"], titles, given.out / "frame_path.svg", note=note)
    print_verdicts(judge({name: record["summary"] for name, record in records.items()}))
    raise SystemExit(int(not all(ended)))


if __name__ == "__main__":
    main()

"""One frame's way to a worker and back: Bramble beside its peers, on the same job, in rounds.

    make bench-frame-path [ARGS='--contenders bramble,grpc-aio --rounds 5']

The job is one 88 KiB JPEG through MobileNetV2 (about 10 ms of one core), in two workers, with the asking side on the
same cores. Each load runs between two runs of the bare job; where these differ by more than a tenth it is repeated, up
to three times. Figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.frame_path.bare import open_bare
from benchmarks.frame_path.contender import CONTENDERS
from benchmarks.frame_path.job import build_job, find_library
from benchmarks.frame_path.rounds import TRIES, Run, Spans, run_rounds
from benchmarks.frame_path.summary import Summary, summarise_runs
from benchmarks.frame_path.table import print_summaries
from benchmarks.harness.record import write_record

SHORT = Spans(warm=0.5, one=2.0, full=3.0, idle=1.0)
FULL = Spans(one=3.0, full=4.0, half=4.0, kill=5.0)
USUAL = "bramble,bramble-tls,bramble-requests,grpc-aio,grpc-uvloop,grpc-threads"


def say(line: str) -> None:
    """Tell how far it is."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print; exits with 1 where frames failed that no death explains, or a contender did not run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--contenders", default=USUAL, help=f"any of {', '.join(CONTENDERS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tries", type=int, default=TRIES, help="of a load that the machine disturbs")
    parser.add_argument("--full", action="store_true", help="half load and kill -9 too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    given = parser.parse_args()
    names = given.contenders.split(",")
    if unknown := set(names) - set(CONTENDERS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # with all that was started
    build_job(find_library())
    runs: dict[str, list[Run]] = {name: [] for name in names}
    with open_bare() as bare:
        spans = FULL if given.full else SHORT
        for run in run_rounds(names, bare, spans, rounds=given.rounds, tries=given.tries, say=say):
            runs[run.contender].append(run)
            if given.json:  # each time: rounds are long, and may be ended
                write_record(given.json, "frame_path", summarise_all(runs), runs)
            for failure in list_failures(run):
                say(f"{run.contender} failed: {failure}")
    print_summaries(summarise_all(runs))
    whole = all(len(each) == given.rounds for each in runs.values())
    raise SystemExit(int(not whole or any(each.failed for each in summarise_all(runs))))


def list_failures(run: Run) -> list[str]:
    """Return what was said of frames that failed though nobody was killed."""
    loads = [run.one, run.full, *([run.half] if run.half else [])]
    return sorted({failure for load in loads for failure in load.found.failures})


def summarise_all(runs: Mapping[str, Sequence[Run]]) -> list[Summary]:
    """Return the summaries of those who have run."""
    return [summarise_runs(each) for each in runs.values() if each]


if __name__ == "__main__":
    main()

"""``python -m tests.fuzz``: so many bad inputs for every parser of bytes from outside."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.fuzz.campaign import Outcome, attack
from tests.fuzz.mutation import make_input
from tests.fuzz.parsers import PARSERS


def main() -> int:
    """Attack, tell, keep what did harm, and return 1 where something did."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="for each parser")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=[each.name for each in PARSERS], help="repeatable")
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="where inputs that did harm are kept")
    found = parser.parse_args()
    chosen = [each for each in PARSERS if found.only is None or each.name in found.only]
    outcomes = []
    with Progress(console=Console(stderr=True)) as progress:
        for each in chosen:
            bar = progress.add_task(each.name, total=found.inputs)
            outcome = attack(
                each,
                seed=found.seed,
                inputs=found.inputs,
                say=lambda done, bar=bar: progress.update(bar, completed=done),
            )
            progress.update(bar, completed=found.inputs)
            outcomes.append(outcome)
            for failure in outcome.failures:
                found.out.mkdir(parents=True, exist_ok=True)
                data = make_input(found.seed, failure.number, each.samples())
                (found.out / f"{each.name}-{found.seed}-{failure.number}.bin").write_bytes(data)
    Console().print(tabulate(outcomes, found.seed))
    return 1 if any(each.failures for each in outcomes) else 0


def tabulate(outcomes: list[Outcome], seed: int) -> Table:
    """Return what was found as a table."""
    table = Table("parser", "inputs", "taken", "refused", "slowest", "harm", title=f"fuzzed with seed {seed}")
    for each in outcomes:
        harm = "; ".join(f"{failure.number} {failure.what}" for failure in each.failures) or "none"
        slowest = f"{each.slowest_s * 1e3:.0f} ms ({each.slowest})"
        table.add_row(each.parser, str(each.inputs), str(each.taken), str(each.refused), slowest, harm)
    return table


if __name__ == "__main__":
    sys.exit(main())

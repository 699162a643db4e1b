"""``bramble results``: results as they come, one line each."""

from __future__ import annotations

import asyncio
import time

import click

from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.output import Exit, json_option, print_json, print_note, printable
from cli.tables import NONE, format_ms, join_counts
from wire.errors import DeadlineExceededError
from wire.messages import Class, Detection, Result

SHOWN_CLASSES = 2


@click.command()
@context_option
@json_option
@click.option("--camera", metavar="NAME", help="Only of this camera.")
@click.option("--model", metavar="NAME", help="Only of this model.")
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C or -n.")
@click.option(
    "-n", "--number", type=click.IntRange(min=1), metavar="N", help="End after N results; 1 without --follow."
)
@click.option("--within", type=click.FloatRange(min=0.1), default=10.0, show_default=True, metavar="SECONDS",
              help="Without --follow: how long to wait for them.")  # fmt: skip
def results(
    *,
    context: str | None,
    as_json: bool,
    camera: str | None,
    model: str | None,
    follow: bool,
    number: int | None,
    within: float,
) -> None:
    """Print results as they come.

    Nothing is replayed: a result is printed if it arrives while this command runs.
    """
    wanted = number or (None if follow else 1)
    try:
        run(_print(context, camera, model, number=wanted, within=None if follow else within, as_json=as_json))
    except KeyboardInterrupt:
        raise SystemExit(Exit.OK if follow else Exit.INTERRUPTED) from None


async def _print(
    context: str | None,
    camera: str | None,
    model: str | None,
    *,
    number: int | None,
    within: float | None,
    as_json: bool,
) -> None:
    printed = 0
    async with open_cluster(context) as cluster, cluster.results(camera=camera, model=model) as coming:
        try:
            async with asyncio.timeout(within):
                while number is None or printed < number:
                    result = await coming.next()
                    if as_json:
                        print_json(result)
                    else:
                        click.echo(describe_result(result))
                    printed += 1
        except TimeoutError:
            raise DeadlineExceededError(
                f"{printed} of {number} results came within {within:g} s",
                remedy="`bramble cameras` tells which cameras are live; --follow waits for ever",
            ) from None
        if coming.lost:
            print_note(f"{coming.lost} results came faster than they could be printed, and are missing")


def describe_result(result: Result) -> str:
    """Return a result as a line of text."""
    clock = time.strftime("%H:%M:%S", time.localtime(result.captured_at))
    where = f"{result.camera}/{result.model}"
    by = ">".join(result.nodes) or NONE
    text = f"{clock} {where}  {describe_answer(result)}  {by} {format_ms(result.timings.total_ms)}"
    return printable(text + ("  redone" if result.redone else ""))


def describe_answer(result: Result) -> str:
    """Return what was found, or why nobody looked."""
    if result.error is not None:
        return f"{result.error.code}: {result.error.message}"
    if result.detections is not None:
        seen = count_labels(result.detections)
        return f"{seen} (in {len(result.tiles)} tiles)" if result.tiles else seen
    return name_classes(result.classes or ())


def name_classes(classes: tuple[Class, ...]) -> str:
    """Return ``espresso 99 %, cup 1 %``: the first few classes."""
    return ", ".join(f"{found.label} {found.score:.0%}".replace("%", " %") for found in classes[:SHOWN_CLASSES]) or NONE


def count_labels(detections: tuple[Detection, ...]) -> str:
    """Return ``2 person, 1 bicycle``, the most frequent first; ``nothing`` when there is nothing."""
    counts: dict[str, int] = {}
    for found in detections:
        counts[found.label] = counts.get(found.label, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return join_counts(ordered) if ordered else "nothing"

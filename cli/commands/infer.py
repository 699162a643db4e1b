"""``bramble infer``: ask a model about pictures."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import click
import msgspec
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.cluster import Cluster
from cli.commands.results import describe_answer
from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.output import Exit, json_option, print_json, print_note
from cli.pictures import Picture, find_pictures, name_outputs
from cli.tables import NONE, Table, format_ms, print_table
from cli.tile_options import make_tiles, only_option, overlap_option, tiles_option
from wire.errors import BadRequestError, BrambleError, ErrorBody, NoRespondersError
from wire.headers import DEFAULT_DEADLINE_MS, DEFAULT_TOP_K, MAX_DEADLINE_MS, MAX_TOP_K, AnswerKind, InferOptions
from wire.messages import Result

COLUMNS = ("FILE", "ANSWER", "NODE", "TIME")
PROGRESS_AFTER_S = 2.0


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one picture: a result, the path of an annotated picture, or an error."""

    file: str
    seconds: float
    result: Result | None = None
    picture: str = ""
    error: ErrorBody | None = None

    @property
    def failure(self) -> ErrorBody | None:
        """The error, wherever it was found."""
        return self.error or (self.result.error if self.result else None)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE|DIR|-...")
@click.option("--model", required=True, metavar="NAME", help="The model to ask.")
@click.option("--top-k", type=click.IntRange(1, MAX_TOP_K), default=DEFAULT_TOP_K, show_default=True,
              help="How many classes to tell.")  # fmt: skip
@click.option("--threshold", type=click.FloatRange(0, 1), help="Leave out what is less sure; default: the model's own.")
@click.option("--deadline-ms", type=click.IntRange(1, MAX_DEADLINE_MS), default=DEFAULT_DEADLINE_MS, show_default=True,
              help="Give a picture up after this long.")  # fmt: skip
@click.option("--picture", "out", type=click.Path(path_type=Path), metavar="OUT",
              help="Write the picture with what was found drawn in; a directory for several.")  # fmt: skip
@click.option("--in-flight", type=click.IntRange(1, 256), default=8, show_default=True,
              help="How many pictures to ask about at once.")  # fmt: skip
@tiles_option
@overlap_option
@only_option
@click.option("--cached", is_flag=True, help="The answer to the same picture from before will do, if there is one.")
@context_option
@json_option
def infer(
    *,
    files: tuple[str, ...],
    model: str,
    top_k: int,
    threshold: float | None,
    deadline_ms: int,
    out: Path | None,
    in_flight: int,
    grid: str | None,
    overlap: float,
    tiles_only: bool,
    cached: bool,
    context: str | None,
    as_json: bool,
) -> None:
    """Ask a model about pictures: files, directories of them, or `-` for standard input."""
    kind = AnswerKind.JSON if out is None else AnswerKind.PICTURE
    tiles = make_tiles(grid, overlap, tiles_only=tiles_only)
    options = InferOptions(
        deadline_ms=deadline_ms, top_k=top_k, threshold=threshold, answer=kind, tiles=tiles, cached=cached
    )
    pictures = find_pictures(files)
    outputs = name_outputs(pictures, out) if out is not None else (None,) * len(pictures)
    jobs = list(zip(pictures, outputs, strict=True))
    outcomes = run(_ask_all(context, model, options, jobs, in_flight=in_flight, as_json=as_json))
    if not as_json:
        print_table(Table(COLUMNS, tuple(row(outcome) for outcome in outcomes)))
        for outcome in outcomes:
            if outcome.failure is not None and outcome.failure.remedy:
                print_note(f"remedy for {outcome.file}: {outcome.failure.remedy}")
    if any(outcome.failure for outcome in outcomes):
        sys.exit(Exit.FAILED)


async def _ask_all(
    context: str | None,
    model: str,
    options: InferOptions,
    jobs: list[tuple[Picture, Path | None]],
    *,
    in_flight: int,
    as_json: bool,
) -> list[Outcome]:
    """Ask about every picture, ``in_flight`` at a time; JSON lines are printed as they come."""
    outcomes: dict[int, Outcome] = {}
    todo = iter(enumerate(jobs))
    async with open_cluster(context) as cluster:
        with _Bar(len(jobs)) as bar:

            async def work() -> None:
                for index, (picture, out) in todo:
                    outcomes[index] = await _ask(cluster, model, options, picture, out)
                    bar.advance()
                    if as_json:
                        print_json(outcomes[index])

            async with asyncio.TaskGroup() as group:
                for _ in range(min(in_flight, len(jobs))):
                    group.create_task(work())
    return [outcome for _, outcome in sorted(outcomes.items())]


async def _ask(cluster: Cluster, model: str, options: InferOptions, picture: Picture, out: Path | None) -> Outcome:
    started = time.perf_counter()
    try:
        data = await asyncio.to_thread(picture.read, cluster.bus.data.max_payload)
        answer = await cluster.infer(model, data, options)
        if isinstance(answer, bytes):
            await asyncio.to_thread(_write, out, answer)
    except NoRespondersError:
        raise  # nobody is there: asking on about the other pictures would not help
    except BrambleError as error:
        return Outcome(picture.name, time.perf_counter() - started, error=error.body)
    seconds = time.perf_counter() - started
    if isinstance(answer, bytes):
        return Outcome(picture.name, seconds, picture=str(out))
    return Outcome(picture.name, seconds, result=answer)


def _write(out: Path | None, data: bytes) -> None:
    if out is None:
        raise TypeError("a picture was answered that nobody asked for")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(data)
    except OSError as error:
        raise BadRequestError(f"{out} cannot be written: {error.strerror}") from error


class _Bar:
    """A progress bar on stderr, if that is a terminal and the work takes longer than two seconds."""

    def __init__(self, total: int) -> None:
        console = Console(stderr=True)
        self._bar = Progress(TextColumn("pictures"), MofNCompleteColumn(), TimeRemainingColumn(), console=console)
        self._task = self._bar.add_task("pictures", total=total)
        self._visible = console.is_terminal
        self._cancel: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        if self._visible:
            self._cancel = asyncio.get_running_loop().call_later(PROGRESS_AFTER_S, self._bar.start).cancel
        return self

    def advance(self) -> None:
        self._bar.advance(self._task)

    def __exit__(self, *_: object) -> None:
        self._cancel()
        if self._bar.live.is_started:  # stopping what never started would print an empty line
            self._bar.stop()


def row(outcome: Outcome) -> tuple[str, ...]:
    """Return an outcome as a row under COLUMNS."""
    if (failure := outcome.failure) is not None:
        answer = f"{failure.code}: {failure.message}"
    elif outcome.result is not None:
        answer = describe_answer(outcome.result)
    else:
        answer = f"see {outcome.picture}"
    nodes = ">".join(outcome.result.nodes) if outcome.result else ""
    return (outcome.file, answer, nodes or NONE, format_ms(outcome.seconds * 1000))

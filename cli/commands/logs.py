"""``bramble logs``: what nodes and controllers logged last, as one log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import count

import click
from rich.console import Console
from rich.text import Text

from cli.cluster import Cluster
from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.output import Exit, json_option, print_json, print_note, printable
from wire.errors import BadRequestError, BusError, DeadlineExceededError
from wire.log_lines import MAX_LINES, LogLevel, Program, Reading, Told, find_programs, list_programs, parse_program
from wire.log_reader import LogReader

PERIOD_S = 1.0
REFRESH = 10
"""After so many turns the controllers are asked again which programs there are."""

_STYLES = {LogLevel.WARNING: "yellow", LogLevel.ERROR: "red", LogLevel.CRITICAL: "bold red"}

Show = Callable[[Iterable[Told]], None]


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-n", "--number", type=click.IntRange(1, MAX_LINES), default=50, show_default=True, metavar="N",
              help="So many lines, the last ones.")  # fmt: skip
@click.option("--level", type=click.Choice([each.value for each in LogLevel]), default="info", show_default=True,
              help="Only lines of this level and worse.")  # fmt: skip
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@context_option
@json_option
def logs(*, names: tuple[str, ...], number: int, level: str, follow: bool, context: str | None, as_json: bool) -> None:
    """Print what nodes and controllers logged last, in order of time.

    NAME is a node's or a controller's; node/NAME and controller/NAME ask that program even while no controller answers.
    Each keeps its last 500 lines in memory, of the level that it logs; more is in the journal of its host.
    """
    show = _print_json if as_json else _make_printer(Console(highlight=False, soft_wrap=True))
    try:
        run(_print(context, names, number=number, level=LogLevel(level), follow=follow, show=show))
    except KeyboardInterrupt:
        raise SystemExit(Exit.OK if follow else Exit.INTERRUPTED) from None


async def _print(
    context: str | None, names: tuple[str, ...], *, number: int, level: LogLevel, follow: bool, show: Show
) -> None:
    async with open_cluster(context) as cluster:
        programs = await _choose(cluster, names)
        reader = LogReader(cluster.bus.control)
        reading = await reader.read(programs, level=level, limit=number)
        show(reading.lines[-number:])
        mute = _tell_mute(reading, {})
        if not follow and programs and len(mute) == len(programs):
            raise DeadlineExceededError("no program told its log", remedy="`bramble doctor` says what is wrong")
        for turn in count(1) if follow else ():
            await asyncio.sleep(PERIOD_S)
            if turn % REFRESH == 0:
                programs = await _choose_again(cluster, names, programs)
            reading = await reader.read(programs, level=level)
            show(reading.lines)
            mute = _tell_mute(reading, mute)
            for program, lost in reading.lost:
                print_note(f"{program} logged {lost} lines more than it could keep until they were read")


async def _choose(cluster: Cluster, names: tuple[str, ...]) -> tuple[Program, ...]:
    """Return the programs to be read; whoever is named by kind may be unknown to the controllers."""
    parsed = [parse_program(name) for name in names]
    if names and all(parsed):
        return tuple(dict.fromkeys(each for each in parsed if each))
    known = list_programs(await cluster.status())
    return find_programs(names, known) if names else known


async def _choose_again(cluster: Cluster, names: tuple[str, ...], known: tuple[Program, ...]) -> tuple[Program, ...]:
    """Return the programs that there are now; those known while no controller answers, or one was forgotten."""
    try:
        return await _choose(cluster, names)
    except (BadRequestError, BusError):
        return known


def _tell_mute(reading: Reading, before: dict[Program, str]) -> dict[Program, str]:
    """Name on stderr who does not answer, once, and who does again."""
    mute = {each.program: each.reason for each in reading.mute}
    for program in mute.keys() - before.keys():
        print_note(f"{program} does not tell its log: {mute[program]}")
    for program in before.keys() - mute.keys():
        print_note(f"{program} tells its log again")
    return mute


def _print_json(lines: Iterable[Told]) -> None:
    for told in lines:
        line = told.line
        print_json(
            {
                "program": str(told.program),
                "run": told.run,
                "number": line.number,
                "at": line.at,
                "level": line.level,
                "logger": line.logger,
                "text": line.text,
                "fields": line.fields,
            }
        )


def _make_printer(console: Console) -> Show:
    def show(lines: Iterable[Told]) -> None:
        for told in lines:
            console.print(Text(describe_line(told), style=_STYLES.get(told.line.level, "")))

    return show


def describe_line(told: Told) -> str:
    """Return a line of the log as one line of text, by local time."""
    line = told.line
    stamp = datetime.fromtimestamp(line.at).astimezone().strftime("%m-%d %H:%M:%S.%f")[:-3]
    fields = (f"{name}={value}" for name, value in line.fields.items())
    text = " ".join((stamp, str(told.program), line.level.value, line.logger, line.text, *fields))
    return printable(text.replace("\n", " ⏎ "))

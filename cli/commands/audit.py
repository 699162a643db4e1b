"""``bramble audit``: who did what, and whether the record is whole."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

from cli.access.authority import Authority
from cli.commands.access import directory_option
from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.output import Exit, Failure, json_option, print_error, print_json
from cli.tables import NONE, Table, format_time, print_table
from wire import subjects
from wire.audit import Break, Check, Entry, Head, Note
from wire.bus import Stream
from wire.messages import Done

COLUMNS = ("WHEN", "WHO", "WHAT", "ON", "DIGEST", "")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class _Age(click.ParamType[float]):
    """A time back from now, such as ``90m``, ``12h`` or ``7d``."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it, as seconds."""
        found = re.fullmatch(r"(\d{1,6})([smhd])", str(value))
        if not found:
            self.fail(f"{value!r} is not a time such as 90m, 12h or 7d", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


@dataclass(frozen=True, slots=True)
class Record:
    """What was read."""

    entries: tuple[tuple[int, Entry], ...]
    count: int
    head: Head
    breaks: tuple[Break, ...]


@click.group(invoke_without_command=True)
@click.option("--since", type=_Age(), metavar="AGE", help="Only what happened since then, such as 90m, 12h or 7d.")
@click.option("--verify", is_flag=True, help="Prove that no entry was changed or cut out.")
@click.option("--expect", metavar="HEAD", help="With --verify: the head that an earlier one told.")
@directory_option
@context_option
@json_option
@click.pass_context
def audit(
    ctx: click.Context,
    /,
    *,
    since: float | None,
    verify: bool,
    expect: str | None,
    directory: Path,
    context: str | None,
    as_json: bool,
) -> None:
    """Show who did what, when, and what was refused.

    The servers tell of refusals by key: --access gives the keys their names.
    """
    if ctx.invoked_subcommand is not None:
        return
    if expect and not verify:
        raise click.UsageError("--expect goes with --verify")
    record = run(_read(context, Head.parse(expect) if expect else None))
    begin = 0.0 if since is None else time.time() - since
    if not verify or since is not None:
        names = _read_names(directory)
        shown = [(number, name_key(entry, names)) for number, entry in record.entries if entry.at >= begin]
        _show(shown, as_json=as_json)
    if verify:
        _judge(record, as_json=as_json)


@audit.command("note")
@click.argument("action")
@click.argument("target", default="")
@click.option("--digest", metavar="SHA256", help="Of what was put in place.")
@click.option("--detail", default="", metavar="TEXT", help="More about it; never a secret.")
@context_option
def note(*, action: str, target: str, digest: str | None, detail: str, context: str | None) -> None:
    """Put ACTION (such as deploy.release) on TARGET on the record, in your name."""
    click.echo(run(_note(context, Note(action=action, target=target, digest=digest, detail=detail))).text)


async def _read(context: str | None, expected: Head | None) -> Record:
    async with open_cluster(context) as cluster:
        check = Check(expected)
        entries = []
        count = 0
        async for stored in Stream(cluster.bus.control, subjects.AUDIT_STREAM).read(subjects.AUDIT.build()):
            count += 1
            if entry := check.take(stored.sequence, stored.data):
                entries.append((stored.sequence, entry))
        return Record(tuple(entries), count, check.head, tuple(check.finish()))


async def _note(context: str | None, wish: Note) -> Done:
    async with open_cluster(context) as cluster:
        return await cluster.note_deed(wish)


def _read_names(directory: Path) -> dict[str, str]:
    """Return the users' names by their keys; none where this is not the operator's machine."""
    if not directory.exists():
        return {}
    return {user.public_key: user.name for user in Authority.open(directory).record.users}


def name_key(entry: Entry, names: Mapping[str, str]) -> Entry:
    """Return the entry with a key in place of a name replaced by the name, where it is known."""
    known = names.get(entry.deed.who)
    return msgspec.structs.replace(entry, deed=msgspec.structs.replace(entry.deed, who=known)) if known else entry


def _show(entries: list[tuple[int, Entry]], *, as_json: bool) -> None:
    if as_json:
        for number, entry in entries:
            print_json({"sequence": number, "entry": entry})
    else:
        print_table(Table(COLUMNS, tuple(row(entry) for _, entry in entries)))


def row(entry: Entry) -> tuple[str, ...]:
    """Return an entry as a row under COLUMNS."""
    deed = entry.deed
    return (
        format_time(entry.happened_at),
        deed.who,
        deed.action,
        deed.target or NONE,
        deed.digest[:12] if deed.digest else NONE,
        deed.words,
    )


def _judge(record: Record, *, as_json: bool) -> None:
    if as_json:
        breaks = [{"sequence": each.sequence, "problem": each.problem} for each in record.breaks]
        print_json({"whole": not breaks, "entries": record.count, "head": str(record.head), "breaks": breaks})
    elif not record.breaks:
        click.echo(f"whole: {record.count} entries, none changed or cut out")
        click.echo(f"head: {record.head}  (keep it elsewhere, and give it to the next --verify as --expect)")
    else:
        for each in record.breaks:
            remedy = "somebody had the server's disk in hands: compare with a backup"
            print_error(Failure(f"entry {each.sequence}: {each.problem}", remedy, Exit.FAILED))
    if record.breaks:
        sys.exit(Exit.FAILED)

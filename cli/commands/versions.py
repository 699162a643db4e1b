"""``bramble model versions``, ``promote`` and ``rollback``: which version of a model serves."""

from __future__ import annotations

import asyncio
import time

import click
import msgspec

from cli.cluster import Cluster
from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.output import json_option, print_json, print_note
from cli.tables import NONE, Table, format_time, print_table
from cli.waiting import waiting
from wire.errors import ModelRejectedError, NoCapacityError, UnknownModelError
from wire.messages import Done
from wire.status import ModelStatus
from wire.versions import VersionStatus

COLUMNS = ("VERSION", "DIGEST", "STATE", "NODES", "ADDED")
SHOWN_DIGEST = 12
IN_FORCE_S = 180.0  # slow nodes fetch, load and prove one after another
POLL_S = 0.2

no_wait_option = click.option("--no-wait", is_flag=True, help="Do not wait until every node serves it.")


class Outcome(msgspec.Struct, frozen=True):
    """What ``--json`` prints of a change; ``version`` is in force."""

    model: str
    version: str
    digest: str
    serving: bool
    nodes: tuple[str, ...]


@click.command("versions")
@click.argument("name")
@context_option
@json_option
def list_versions(*, name: str, context: str | None, as_json: bool) -> None:
    """List the versions of model NAME that the cluster keeps, the newest first.

    The last five are kept, the one in force and the one before it always among them.
    """
    versions = run(_list(context, name))
    if as_json:
        for version in versions:
            print_json(version)
        return
    print_table(Table(COLUMNS, tuple(_row(each) for each in versions)))
    for version in versions:
        for node, reason in version.refused.items():
            print_note(f"{node} refuses {version.version}: {reason}")


@click.command("promote")
@click.argument("name")
@click.argument("version")
@no_wait_option
@context_option
@json_option
def promote_version(*, name: str, version: str, no_wait: bool, context: str | None, as_json: bool) -> None:
    """Put VERSION of model NAME into force, live.

    Each node fetches and proves it and goes on with what it serves until it has. A version that every node refuses is
    taken back by itself. VERSION is what `bramble model versions` lists: a version, or how its digest begins.
    """
    run(_change(context, name, version, wait=not no_wait, as_json=as_json))


@click.command("rollback")
@click.argument("name")
@no_wait_option
@context_option
@json_option
def roll_back_version(*, name: str, no_wait: bool, context: str | None, as_json: bool) -> None:
    """Put back into force what served before the present version of model NAME, live."""
    run(_change(context, name, None, wait=not no_wait, as_json=as_json))


async def _list(context: str | None, name: str) -> tuple[VersionStatus, ...]:
    async with open_cluster(context) as cluster:
        return (await _find(cluster, name)).versions


async def _find(cluster: Cluster, name: str) -> ModelStatus:
    models = (await cluster.status()).models
    found = next((each for each in models if each.model == name), None)
    if found is None:
        known = ", ".join(each.model for each in models) or "none"
        raise UnknownModelError(f"the cluster serves no model {name!r}", remedy=f"it serves: {known}")
    return found


async def _change(context: str | None, name: str, version: str | None, *, wait: bool, as_json: bool) -> None:
    async with open_cluster(context) as cluster:
        before = _in_force(await _find(cluster, name))
        done: Done = await (cluster.promote(name, version) if version else cluster.roll_back(name))
        if not as_json:
            click.echo(done.text)
        found = await _wait(cluster, name, before, serving=wait)
    if as_json:
        serving = found.state == "serving"
        print_json(Outcome(name, found.version, found.digest, serving, found.nodes))
    elif wait:
        click.echo(f"{name} {found.version} serves on {', '.join(found.nodes)}")


async def _wait(cluster: Cluster, name: str, before: VersionStatus, *, serving: bool) -> VersionStatus:
    """Wait until another version than before is in force, and serves on every node if that is wanted.

    Raises:
        ModelRejectedError: it was taken back, since every node refused it.
        NoCapacityError: nodes still prepare after :data:`IN_FORCE_S`; what served goes on there.

    """
    deadline = time.monotonic() + IN_FORCE_S
    refused: dict[str, str] = {}
    changed = False
    with waiting("nodes fetch and prove it; what they serve goes on"):
        while time.monotonic() < deadline:
            found = _in_force(await _find(cluster, name))
            if found.digest != before.digest:
                changed = True
                refused = found.refused or refused
                if found.state == "serving" or not serving:
                    return found
            elif changed:
                why = "; ".join(f"{node}: {reason}" for node, reason in refused.items()) or "see `bramble audit`"
                raise ModelRejectedError(f"it was taken back, every node refuses it: {why}")
            await asyncio.sleep(POLL_S)
    told = "; ".join(f"{node} refuses it: {reason}" for node, reason in refused.items()) or "nodes still prepare it"
    raise NoCapacityError(
        f"not on every node after {IN_FORCE_S:.0f} s: {told}",
        remedy=f"`bramble model versions {name}` shows how far it is; `bramble model rollback {name}` takes it back",
    )


def _in_force(model: ModelStatus) -> VersionStatus:
    return next(each for each in model.versions if each.state != "kept")


def _row(version: VersionStatus) -> tuple[str, ...]:
    return (
        version.version,
        version.digest[:SHOWN_DIGEST],
        version.state,
        ", ".join(version.nodes) or NONE,
        format_time(version.added_at) if version.added_at else NONE,
    )

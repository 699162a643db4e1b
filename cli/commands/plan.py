"""``bramble plan``: should this model be split at all? Measured, proposed, explained."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from cli.cluster import Cluster
from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.output import json_option, print_json, print_note
from cli.plan_report import compare, print_comparison, print_report, tell_state
from cli.saturation import Saturated, make_gray, saturate
from cli.waiting import waiting
from wire.errors import NoCapacityError
from wire.plans import (
    AUTOMATIC,
    MAX_STAGES,
    ModelPlan,
    PinnedOperators,
    PlannedStage,
    PlanOption,
    PlanReport,
    PlanRequest,
)
from wire.precision import Precision
from wire.subjects import MODELS_STORE
from wire.tiles import MAX_SIDE

IN_FORCE_S = 180.0  # slow nodes load and prove their shards first
POLL_S = 0.2
OBJECTIVES = ("throughput", "latency", "memory", "energy")
_PIN = re.compile(r"(\d{1,6})-(\d{1,6})=([A-Za-z0-9_-]{1,64}(?:,[A-Za-z0-9_-]{1,64})*)")


class _Pin(click.ParamType[PinnedOperators]):
    """Operators and the nodes that may run them, such as ``0-16=pi1,pi2``."""

    name = "pin"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> PinnedOperators:
        """Read it."""
        found = _PIN.fullmatch(str(value))
        if found is None or not int(found[1]) < int(found[2]):
            self.fail(f"{value!r} is not like 0-16=pi1,pi2", param, ctx)
        return PinnedOperators(start=int(found[1]), end=int(found[2]), nodes=tuple(found[3].split(",")))


@click.command()
@click.argument("model")
@click.option("--objective", type=click.Choice(OBJECTIVES), default="throughput", show_default=True,
              help="What the best plan is best at.")  # fmt: skip
@click.option("--stages", type=click.IntRange(1, MAX_STAGES), help="Exactly so many stages; default: what is best.")
@click.option("--pin", "pins", type=_Pin(), multiple=True, metavar="A-B=NODE,...",
              help="Operators A to B may run on these nodes only.")  # fmt: skip
@click.option("--variant", metavar="NAME", help="Which of the model's files; default: each node's best.")
@click.option("--allow-wire", type=click.Choice(["f16", "int8"]), metavar="f16|int8",
              help="Let activations travel in fewer bytes where a link is what holds the plan up; what that does to "
                   "answers is measured and shown first. Default: exactly.")  # fmt: skip
@click.option("--bands", type=click.IntRange(2, MAX_SIDE),
              help="With --apply: divide the picture into so many bands, for one frame's latency.")  # fmt: skip
@click.option("--bands-at", type=click.IntRange(min=1), metavar="N",
              help="With --bands: divide the operators before this one; default: what should be best.")  # fmt: skip
@click.option("--apply", "apply_it", is_flag=True, help="Put the best plan into force, and wait until it is.")
@click.option("--measure", is_flag=True, help="Then ask the model as fast as it answers, for --seconds.")
@click.option("--seconds", type=click.FloatRange(1, 600), default=5.0, show_default=True, help="For --measure.")
@click.option("--reset", is_flag=True, help="Go back to the whole model on every node that can run it.")
@click.option("--remeasure", is_flag=True, help="Measure nodes and links again, also those that are known.")
@context_option
@json_option
def plan(
    *,
    model: str,
    objective: str,
    stages: int | None,
    pins: tuple[PinnedOperators, ...],
    variant: str | None,
    allow_wire: str | None,
    bands: int | None,
    bands_at: int | None,
    apply_it: bool,
    measure: bool,
    seconds: float,
    reset: bool,
    remeasure: bool,
    context: str | None,
    as_json: bool,
) -> None:
    """Say where each part of MODEL should run: on every node whole, cut into a pipeline, or both.

    Nodes and links that are not known yet are measured first, while they have nothing else to do.
    """
    if reset:
        if apply_it or measure or stages or pins or allow_wire:
            raise click.UsageError("--reset goes with no other wish")
        click.echo(run(_reset(context, model)))
        return
    if bands and (not apply_it or measure or stages or pins or allow_wire):
        raise click.UsageError("--bands goes with --apply alone; `bramble model tiles` shows what dividing costs")
    request = PlanRequest(
        model=model, grid=(bands, 1) if bands else None, grid_at=bands_at,
        objective=objective, stages=stages, pins=pins, variant=variant, remeasure=remeasure,  # type: ignore[arg-type]  # click.Choice holds it to these
        wire=Precision(allow_wire or Precision.EXACT),
    )  # fmt: skip
    run(_plan(context, request, apply_it=apply_it, seconds=seconds if measure else 0.0, as_json=as_json))


async def _plan(context: str | None, request: PlanRequest, *, apply_it: bool, seconds: float, as_json: bool) -> None:
    async with open_cluster(context) as cluster:
        with waiting(f"measuring what is not known about {request.model} and its nodes"):
            at_once = apply_it and request.wire is Precision.EXACT
            report = await (cluster.apply_plan(request) if at_once else cluster.make_plan(request))
        if not as_json:
            print_report(report)
        if apply_it and not at_once:  # what coarser activations do to answers was shown: now they may come
            report = await cluster.apply_plan(replace(request, remeasure=False))
        if as_json:
            print_json(report)
        if apply_it:
            await _wait_in_force(cluster, request.model)
        elif not as_json:
            click.echo(tell_state(await cluster.show_plan(request.model)))
        if seconds:
            predicted = _find_in_force(report, (await cluster.show_plan(request.model)).plan)
            with waiting(f"asking {request.model} as fast as it answers, for {seconds:g} s"):
                measured = await _measure(cluster, report, seconds)
            if as_json:
                print_json(compare(predicted, measured))
            else:
                print_comparison(predicted, measured)


async def _wait_in_force(cluster: Cluster, model: str) -> None:
    """Wait until the new plan alone serves.

    Raises:
        NoCapacityError: it does not in :data:`IN_FORCE_S`; what it was to replace goes on.

    """
    said: tuple[str, ...] = ()
    deadline = time.monotonic() + IN_FORCE_S
    while True:
        state = await cluster.show_plan(model)
        if state.plan is None or state.plan.settled:
            print_note("the plan is in force")
            return
        if state.missing != said and state.missing:
            print_note("waiting for " + "; ".join(state.missing))
            said = state.missing
        if time.monotonic() > deadline:
            raise NoCapacityError(
                f"the plan is not in force after {IN_FORCE_S:.0f} s: {'; '.join(state.missing)}",
                remedy="see `bramble nodes`; what ran before goes on. `bramble plan --reset` gives the plan up",
            )
        await asyncio.sleep(POLL_S)


def _find_in_force(report: PlanReport, plan: ModelPlan | None) -> PlanOption | None:
    """Return the option that is in force now, if it is among those that were predicted."""
    if plan is None or plan.layout.name == AUTOMATIC:
        return next((option for option in report.options if option.name in ("replicas", "one node")), None)
    wanted = _shape(plan.layout.pipelines)
    return next((option for option in report.options if _shape(option.pipelines) == wanted), None)


def _shape(pipelines: tuple[tuple[PlannedStage, ...], ...]) -> object:
    return [[(stage.start, stage.end, stage.nodes, stage.wire) for stage in stages] for stages in pipelines]


async def _measure(cluster: Cluster, report: PlanReport, seconds: float) -> Saturated:
    picture = await _fetch_picture(cluster, report.picture) if report.picture else make_gray()
    window = 2 + 2 * len(report.nodes)
    return await saturate(cluster, report.model, picture, window=window, seconds=seconds)


async def _fetch_picture(cluster: Cluster, digest: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="bramble-picture-") as directory:
        path = Path(directory, "picture")
        store = await cluster.bus.blobs(MODELS_STORE, create=False)
        await store.get_file(digest, path)
        return await asyncio.to_thread(path.read_bytes)


async def _reset(context: str | None, model: str) -> str:
    async with open_cluster(context) as cluster:
        text = (await cluster.reset_plan(model)).text
        with waiting("waiting until it is so"):
            await _wait_in_force(cluster, model)
        return text

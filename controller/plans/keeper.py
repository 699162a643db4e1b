"""Puts plans into force, and keeps them good while nodes come, go and slow down."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from controller.catalogue import Catalogue
from controller.nodes.placement import find_missing, suits
from controller.planning.divided import Front
from controller.planning.replanning import GAIN, KEEP, Watch, judge
from controller.plans.drafter import Drafter
from controller.plans.planner import Planner
from controller.plans.proposal import describe_nodes
from controller.plans.prospect import Prospect, look_ahead
from controller.surveying.book import Book
from controller.surveying.surveyor import Field, Surveyor
from modelkit.manifest import Manifest
from modelkit.tiling import Grid
from wire import subjects
from wire.bus import Bus
from wire.cancellation import heed_cancellation
from wire.errors import BrambleError, BusError, NoCapacityError, UnknownModelError
from wire.messages import Event, encode
from wire.plans import (
    AUTOMATIC,
    Layout,
    ModelPlan,
    PlannedNode,
    PlanOption,
    PlanReport,
    PlanRequest,
    PlanState,
)
from wire.precision import Precision
from wire.status import NodeStatus

TICK_S = 1.0
LOOK_S = 5.0
"""So often a plan in force is held against the best there is now."""
PATIENCE_S = 60.0
"""So long a new plan waits for all of its nodes; then one for each stage will do."""
MEASURE_S = 30.0
"""So often nodes that joined are measured for a plan in force, and links are glanced at."""

_log = logging.getLogger("bramble.plans")


class Keeper:
    """Keeps the plans of all models. ``is_proved`` tells of a model and a cut whether frames can take it.

    ``is_leader`` says whether this controller may change anything.
    """

    def __init__(
        self,
        bus: Bus,
        book: Book[ModelPlan],
        catalogue: Catalogue,
        surveyor: Surveyor,
        planner: Planner,
        *,
        nodes: Callable[[], Iterable[NodeStatus]],
        on_change: Callable[[], Awaitable[None]],
        is_proved: Callable[[str, str], bool],
        is_leader: Callable[[], bool],
    ) -> None:
        self._bus = bus
        self._book = book
        self._catalogue = catalogue
        self._surveyor = surveyor
        self._planner = planner
        self._drafter = Drafter(surveyor)
        self._nodes = nodes
        self._on_change = on_change
        self._is_proved = is_proved
        self._is_leader = is_leader
        self._watches: dict[str, Watch] = {}
        self._prospects: dict[str, Prospect] = {}
        self._looked_at = 0.0
        self._measured_at: dict[str, float] = {}
        self._measuring: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    @property
    def plans(self) -> Mapping[str, ModelPlan]:
        """All plans, by model."""
        return {plan.request.model: plan for plan in self._book.entries.values()}

    async def apply(self, request: PlanRequest) -> PlanReport:
        """Make a plan and put it into force; what runs goes on until the new shards are ready.

        Raises:
            NoPlanError: the nodes cannot run the model under the request's constraints.
            BrambleError: something could not be measured, cut or stored.

        """
        field, report = await self._planner.plan(request)
        best = report.options[0]
        if request.grid is None or best.grid is not None:
            await self._change(field, request, best, report.nodes, report.reason)
            return replace(report, applied=True)
        grid = Grid(*request.grid)  # asked for where it could not be weighed
        layout = await self._drafter.divide(field, request, report.nodes, grid=grid, at=request.grid_at)
        reason = f"asked for: {grid.parts} parts of the picture up to operator {layout.pipelines[0][0].end}"
        await self._write(field.manifest, request, layout, reason)
        return replace(report, reason=reason, applied=True)

    async def reset(self, model: str) -> str:
        """Go back to the whole model on every node that can run it; say what was done.

        Raises:
            UnknownModelError: the model is not configured.
            BusError: it could not be stored.

        """
        manifest = self._catalogue.require(model)
        plan = self.plans.get(model)
        if plan is None or plan.layout.name == AUTOMATIC:
            return f"{model} is laid out automatically already"
        variant = plan.layout.variant if plan.layout.variant in manifest.variants else manifest.variants[0]
        layout = Layout(name=AUTOMATIC, version=manifest.version, variant=variant, whole=manifest.digest(variant))
        await self._write(manifest, PlanRequest(model=model), layout, "reset by an operator")
        return f"{model} goes back to every node that can run it"

    def show(self, model: str) -> PlanState:
        """Say what is in force, and what is missing before it is."""
        manifest = self._catalogue.require(model)
        plan = self.plans.get(model)
        if plan is None or (plan.settled and plan.layout.name == AUTOMATIC):
            return PlanState(model=model, plan=None)
        return PlanState(model=model, plan=plan, missing=() if plan.settled else self._find_missing(plan, manifest))

    def hurry(self) -> None:
        """Look at the plans at once: a node has been lost."""
        self._looked_at = 0.0
        self._hurry.set()

    def states(self) -> tuple[PlanState, ...]:
        """Say the same of every model that is not laid out automatically."""
        shown = (self.show(model) for model in sorted(self.plans) if model in self._catalogue)
        return tuple(state for state in shown if state.plan is not None)

    async def run(self) -> None:
        """Follow the bucket, settle what is ready, and look for better plans, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._book.follow(self._on_change), name="follow-plans")
            tasks.create_task(self._look_after(), name="look-after-plans")

    async def _look_after(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), TICK_S)
            self._hurry.clear()
            heed_cancellation()
            self._surveyor.note_paces()
            if not self._is_leader():
                self._watches.clear()
                continue
            look = time.monotonic() - self._looked_at >= LOOK_S
            self._looked_at = time.monotonic() if look else self._looked_at
            for model, plan in self.plans.items():
                try:
                    await self._settle(model, plan)
                    if look:
                        await self._reconsider(model)
                except (BusError, NoCapacityError, UnknownModelError) as error:
                    _log.info("plan not kept up", extra={"action": "keep_plan", "model": model, "why": error.message})
                except BrambleError as error:
                    _log.warning("plan not kept up", extra={"action": "keep_plan", "model": model, "error": str(error)})

    async def _settle(self, model: str, plan: ModelPlan) -> None:
        """Let go of what a plan replaces once the plan itself serves."""
        if plan.settled or model not in self._catalogue:
            return
        missing = self._find_missing(plan, self._catalogue.require(model))
        if missing:
            return
        settled = await self._book.edit(
            subjects.PLAN_KEY.build(model=model),
            lambda current: replace(plan, settled=True, previous=None) if current == plan else None,
        )
        if settled is None:
            return  # there is a newer one by now
        await self._announce(model, "plan-in-force", f"{describe(plan.layout)} serves; what it replaces goes")
        await self._on_change()

    async def _reconsider(self, model: str) -> None:
        """Change to a better plan where it has been better for long enough, or the one in force cannot run."""
        plan = self.plans.get(model)
        if plan is None or plan.layout.name == AUTOMATIC:
            return
        field = await self._surveyor.look(plan.request)
        self._renew_facts(field)
        found = self._surveyor.gather(field, plan.request)
        known = self._prospects.get(model)
        if known is None or not known.still_holds(plan.layout, found.problem):
            fronts = await self._find_fronts(field, plan)
            known = await asyncio.to_thread(look_ahead, plan, found, fronts)
            self._prospects[model] = known
        now = time.monotonic()
        watch, verdict = judge(self._watches.get(model, Watch(now)), now, gain=known.gain, only_adds=known.only_adds)
        self._watches[model] = watch
        if known.gain is None and not verdict.change:
            self._looked_at = 0.0  # it cannot run: look again as soon as it may be changed
        if verdict.change and not await self._planner.is_usable(field, known.best):
            request = replace(plan.request, wire=Precision.EXACT)
            known = await asyncio.to_thread(look_ahead, plan, self._surveyor.gather(field, request))
            verdict = verdict if known.gain is None or known.gain >= GAIN else KEEP
        if verdict.change:
            nodes = describe_nodes(field, found)
            await self._change(field, plan.request, known.best, nodes, f"{verdict.reason}: {known.reason}")

    async def _find_fronts(self, field: Field, plan: ModelPlan) -> tuple[Front, ...]:
        """Return the fronts that may be divided under a plan: for throughput only where that was asked for."""
        if plan.request.grid is None and plan.layout.grid is None and plan.request.objective != "latency":
            return ()
        return await self._planner.weigh_fronts(field, plan.request, plan.layout)

    def _renew_facts(self, field: Field) -> None:
        """Begin to measure nodes that a plan in force knows nothing of, and to look after links, in the background."""
        model, now = field.manifest.name, time.monotonic()
        idle = self._measuring is None or self._measuring.done()
        if idle and now - self._measured_at.get(model, -MEASURE_S) >= MEASURE_S:
            self._measured_at[model] = now
            self._measuring = asyncio.create_task(self._measure(field), name="renew-facts")

    async def _measure(self, field: Field) -> None:
        problems = await self._surveyor.measure(field, sparing=True)
        await self._surveyor.watch_links(field)
        for node, problem in problems.items():
            _log.info("not measured", extra={"action": "renew_facts", "node": node, "why": problem})

    async def _change(
        self, field: Field, request: PlanRequest, option: PlanOption, nodes: Sequence[PlannedNode], reason: str
    ) -> None:
        layout = await self._drafter.draw(field, request, option, nodes)
        await self._write(field.manifest, request, layout, reason, option)

    async def _write(
        self, manifest: Manifest, request: PlanRequest, layout: Layout, reason: str, option: PlanOption | None = None
    ) -> None:
        """Write down what is to be beside what serves now; any controller may, the server decides who is first."""
        wanted = ModelPlan(
            request=replace(request, remeasure=False),
            layout=layout,
            reason=reason,
            at=time.time(),
            throughput_s=option.throughput_s if option else 0.0,
            latency_s=option.latency_s if option else 0.0,
            stage_seconds=option.stage_seconds if option else (),
        )

        def change(current: ModelPlan | None) -> ModelPlan | None:
            if current is not None and (current.layout, current.request) == (layout, wanted.request):
                return None
            return replace(wanted, previous=find_serving(current, manifest))

        if await self._book.edit(subjects.PLAN_KEY.build(model=request.model), change) is not None:
            self._watches[request.model] = Watch(time.monotonic())
            await self._announce(request.model, "plan-changed", f"to {describe(layout)}: {reason}")
            await self._on_change()

    def _find_missing(self, plan: ModelPlan, manifest: Manifest) -> tuple[str, ...]:
        if not suits(plan.layout, manifest):
            return ()  # it is about files that are gone: the model is served automatically
        patient = time.time() - plan.at < PATIENCE_S
        return find_missing(plan.layout, manifest, self._nodes(), is_proved=self._is_proved, patient=patient)

    async def _announce(self, model: str, kind: str, text: str) -> None:
        _log.info(text, extra={"action": kind.replace("-", "_"), "model": model})
        event = Event(at=time.time(), kind=kind, text=text)
        try:
            await self._bus.control.publish(subjects.MODEL_EVENT.build(model=model, kind=kind), encode(event))
        except BusError as error:
            _log.warning("an event was lost", extra={"action": "announce", "kind": kind, "error": error.message})


def find_serving(plan: ModelPlan | None, manifest: Manifest) -> Layout | None:
    """Return the layout that serves now, None for the automatic one; of a plan not yet in force, the one before."""
    if plan is None:
        return None
    layout = plan.layout if plan.settled else plan.previous
    usable = layout is not None and layout.name != AUTOMATIC and suits(layout, manifest)
    return layout if usable else None


def describe(layout: Layout) -> str:
    """Return a layout in a line."""
    if layout.name == AUTOMATIC:
        return "the whole model on every node that can run it"
    pipelines = " + ".join(
        " > ".join(f"{stage.start}-{stage.end} on {', '.join(stage.nodes)}" for stage in stages)
        for stages in layout.pipelines
    )
    return f"{layout.name} ({pipelines})"

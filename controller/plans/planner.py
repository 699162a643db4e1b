"""From a request to a plan that may be used: measured, proposed, and held against the known answer."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from controller.planning.divided import Front
from controller.planning.precision import list_finer
from controller.plans.effects import Effects
from controller.plans.proposal import propose
from controller.surveying.surveyor import Field, Surveyor
from modelkit.tiling import Grid
from wire.plans import Layout, PlanOption, PlanReport, PlanRequest

MOST_BANDS = 4
"""So many parts, one below the other, are weighed where none were asked for: halos eat what more would gain."""


class Planner:
    """Makes plans for operators."""

    def __init__(self, surveyor: Surveyor, effects: Effects) -> None:
        self._surveyor = surveyor
        self._effects = effects

    async def plan(self, request: PlanRequest) -> tuple[Field, PlanReport]:
        """Measure what is not known, and propose.

        Where a precision changes the known answer, the next finer one is planned with; the report says so.

        Raises:
            NoPlanError: the nodes cannot run the model under the request's constraints.
            BrambleError: something could not be measured.

        """
        field = await self._surveyor.look(request)
        problems = await self._surveyor.measure(field, again=request.remeasure)
        fronts = await self.weigh_fronts(field, request)
        refused: list[str] = []
        wires = [*list_finer(request.wire), request.wire]
        while True:
            wish = replace(request, wire=wires.pop())
            report = await asyncio.to_thread(propose, field, self._surveyor.gather(field, wish), wish, problems, fronts)
            options = tuple([await self.weigh(field, option) for option in report.options])
            bad = [
                f"{each.name} is not used: {each.effect.problem}"
                for each in options
                if each.effect and each.effect.problem
            ]
            if not bad:
                return field, replace(report, options=options, left_out=(*report.left_out, *refused))
            refused += bad

    async def weigh_fronts(
        self, field: Field, request: PlanRequest, running: Layout | None = None
    ) -> tuple[Front, ...]:
        """Return what dividing the picture gives, where the request leaves that open or asks for it, or it runs so.

        Raises:
            BrambleError: the model's file did not come, or cannot be cut at all.

        """
        if request.stages is not None or request.pins or request.objective == "memory":
            return ()
        if request.grid is not None:
            grids = [Grid(*request.grid)]
        else:
            grids = [Grid(bands, 1) for bands in range(2, min(MOST_BANDS, len(field.candidates)) + 1)]
        if running and running.grid and (grid := Grid(*running.grid)) not in grids:
            grids.append(grid)
        at = field.workload.cuts[1:-1] if request.grid_at is None else (request.grid_at,)
        return await self._surveyor.artefacts.weigh_fronts(field.manifest, field.variant, at, tuple(grids))

    async def weigh(self, field: Field, option: PlanOption) -> PlanOption:
        """Return an option with what its precisions do to answers.

        Raises:
            NoCapacityError: no node could say.

        """
        return replace(option, effect=await self._effects.find(field, option))

    async def is_usable(self, field: Field, option: PlanOption) -> bool:
        """Tell whether an option may be put into force: nothing is coded, or the known answer stays."""
        return (effect := (await self.weigh(field, option)).effect) is None or not effect.problem

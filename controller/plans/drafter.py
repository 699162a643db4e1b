"""From an option to a layout: the model's file is cut or divided, and every piece has its node."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from controller.planning import Objective, Stage
from controller.planning.spares import choose_spares
from controller.planning.tiles import lay_out
from controller.surveying.surveyor import Field, Surveyor
from modelkit.tiling import Grid
from wire.plans import Layout, PlannedNode, PlannedStage, PlanOption, PlanRequest


class Drafter:
    """Draws up layouts; the pieces are in the cluster's store then."""

    def __init__(self, surveyor: Surveyor) -> None:
        self._surveyor = surveyor

    async def draw(
        self, field: Field, request: PlanRequest, option: PlanOption, nodes: Sequence[PlannedNode]
    ) -> Layout:
        """Return the layout of an option; ``nodes`` are all that may have a part of it.

        Raises:
            BrambleError: the model could not be cut or stored.

        """
        if option.grid is not None:
            return await self.divide(field, request, nodes, grid=Grid(*option.grid), at=option.pipelines[0][0].end)
        return Layout(
            name=option.name,
            version=field.manifest.version,
            variant=field.variant,
            whole=field.manifest.digest(field.variant),
            pipelines=tuple([await self._cut(field, stages) for stages in option.pipelines]),
            spares=self._choose_spares(field, request, option.pipelines),
        )

    async def divide(
        self, field: Field, request: PlanRequest, nodes: Sequence[PlannedNode], *, grid: Grid, at: int | None
    ) -> Layout:
        """Return a layout with the front of the model divided by area; at the cut where that gains most, if not given.

        Raises:
            BadRequestError: there are fewer nodes than parts.
            BrambleError: the model could not be divided or stored.

        """
        manifest, variant = field.manifest, field.variant
        divided = await self._surveyor.artefacts.divide(manifest, variant, grid, at)
        layout = lay_out(
            divided, grid, nodes, version=manifest.version, variant=variant, whole=manifest.digest(variant)
        )
        return replace(layout, spares=self._choose_spares(field, request, layout.pipelines[:1]))

    async def _cut(self, field: Field, stages: tuple[PlannedStage, ...]) -> tuple[PlannedStage, ...]:
        if len(stages) == 1:
            return stages
        starts = [stage.start for stage in stages[1:]]
        digests = await self._surveyor.artefacts.cut(field.manifest, field.variant, starts)
        return tuple(replace(stage, digest=digest) for stage, digest in zip(stages, digests, strict=True))

    def _choose_spares(
        self, field: Field, request: PlanRequest, pipelines: Sequence[Sequence[PlannedStage]]
    ) -> tuple[str, ...]:
        problem = self._surveyor.gather(field, request).problem
        stages = [[Stage(stage.start, stage.end, stage.nodes) for stage in each] for each in pipelines]
        return choose_spares(problem, Objective(request.objective), stages)

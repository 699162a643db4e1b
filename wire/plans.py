"""Plans: what an operator asks for, what the controller proposes, and what it keeps to."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from wire.effects import WireEffect
from wire.ids import Digest, Token
from wire.messages import Count, Message, NotNegative
from wire.precision import Precision
from wire.tiles import GridSides, Region

Objective = Literal["throughput", "latency", "memory", "energy"]
AUTOMATIC = "automatic"
"""The name of the layout in which every node that can runs the whole model."""

MAX_PINS = 64
MAX_STAGES = 16


class PinnedOperators(Message, frozen=True):
    """Operators ``[start, end)`` that may run on these nodes only."""

    start: Count
    end: Annotated[int, Meta(ge=1)]
    nodes: Annotated[tuple[Token, ...], Meta(min_length=1, max_length=1024)]


class PlanRequest(Message, frozen=True, omit_defaults=True):
    """What ``control.plan.make``, ``.apply`` and ``.reset`` carry, and what live re-planning keeps to."""

    model: Token
    objective: Objective = "throughput"
    stages: Annotated[int, Meta(ge=1, le=MAX_STAGES)] | None = None  # exactly so many; None: the planner's choice
    pins: Annotated[tuple[PinnedOperators, ...], Meta(max_length=MAX_PINS)] = ()
    variant: str | None = None  # None: each node's best
    grid: GridSides | None = None  # divide the front by area into so many rows and columns; None: do not
    grid_at: Annotated[int, Meta(ge=1)] | None = None  # the front is what comes before; None: what is best
    wire: Precision = Precision.EXACT  # the coarsest in which activations may travel where a link is slow
    remeasure: bool = False  # also what was measured lately


class PlannedStage(Message, frozen=True, omit_defaults=True):
    """Operators ``[start, end)`` on nodes that share its frames."""

    start: Count
    end: Annotated[int, Meta(ge=1)]
    nodes: tuple[Token, ...]
    digest: str = ""  # of the stage's own file; empty for a whole model, and before the plan is applied
    crop: Region | None = None  # of a part of the picture: what it sees of the model's input
    wire: Precision = Precision.EXACT  # in which it sends on what it computes


class PlanOption(Message, frozen=True, omit_defaults=True):
    """One way to run the model, and what it should give."""

    name: str  # `one node`, `replicas`, `pipeline`, `hybrid` or `tiles`; with the precision where it is not exact
    pipelines: tuple[tuple[PlannedStage, ...], ...]  # each runs the whole model; frames are divided between them
    throughput_s: NotNegative
    latency_s: NotNegative  # of a frame that takes the fastest nodes, alone
    worst_latency_s: NotNegative
    memory_bytes: Count  # on the node that needs most
    traffic_bytes: NotNegative  # over all links, a frame
    stage_seconds: tuple[tuple[tuple[NotNegative, ...], ...], ...] = ()  # own time: a pipeline, a stage, a node
    grid: GridSides | None = None  # of tiles: all stages but the last run side by side, one a part of the picture
    effect: WireEffect | None = None  # of a plan that sends activations in fewer bytes: what that does to answers


class PlannedNode(Message, frozen=True, omit_defaults=True):
    """What a plan believes of a node."""

    node: Token
    variant: str
    whole_s: float  # for one frame of the whole model, all but the network; infinity does not fit into JSON: -1
    room_bytes: Count
    receive_bytes_s: NotNegative
    send_bytes_s: NotNegative
    latency_s: NotNegative
    scale: NotNegative = 1.0  # how much slower than its profile it is now


class PlanReport(Message, frozen=True, omit_defaults=True):
    """The answer to ``control.plan.make`` and ``.apply``: the best option first."""

    model: Token
    version: str
    variant: str  # that pipelines are cut from
    objective: Objective
    options: tuple[PlanOption, ...]
    reason: str
    exact: bool  # nothing better exists over the cuts looked at
    bound: NotNegative  # what no plan can better: frames a second, seconds, or bytes
    nodes: tuple[PlannedNode, ...]
    frame_bytes: Count
    assumed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    picture: str = ""  # digest of the known answer's picture, to measure with
    applied: bool = False


class Layout(Message, frozen=True, omit_defaults=True):
    """Who runs what of a model."""

    name: str
    version: str
    variant: str  # of the pipelines with more than one stage
    whole: Digest  # of the artefact that they are cut from
    pipelines: tuple[tuple[PlannedStage, ...], ...] = ()
    grid: GridSides | None = None  # of the pipelines that begin with parts of the picture
    spares: tuple[Token, ...] = ()  # nodes that hold the whole model too, for when a stage has lost its last node


class ModelPlan(Message, frozen=True, omit_defaults=True):
    """The value of ``plans.<model>`` in the config bucket: what is to be, and what was until that is ready."""

    request: PlanRequest
    layout: Layout
    reason: str
    at: float
    throughput_s: NotNegative = 0.0  # as predicted; 0: nothing was
    latency_s: NotNegative = 0.0  # as predicted, of a frame alone
    stage_seconds: tuple[tuple[tuple[NotNegative, ...], ...], ...] = ()  # as predicted: see PlanOption
    settled: bool = False  # the layout serves; before, what it replaces serves too
    previous: Layout | None = None  # None: what it replaces is the automatic layout


class PlanState(Message, frozen=True, omit_defaults=True):
    """The answer to ``control.plan.show``."""

    model: Token
    plan: ModelPlan | None  # None: automatic
    missing: tuple[str, ...] = ()  # what is not ready yet

"""How the cluster is, as its controllers tell it: nodes, models, controllers, and all at a glance."""

from __future__ import annotations

import msgspec

from wire.cameras import CameraStatus
from wire.cuts import CutId
from wire.endings import Ending
from wire.foundations import Foundations
from wire.ids import Digest, Token
from wire.jobs import QueueStatus
from wire.messages import Count, Counts, Heartbeat, Message, NotNegative
from wire.plans import PlanState
from wire.versions import VersionStatus


class NodeStatus(Message, frozen=True, omit_defaults=True):
    """A node as the controller sees it."""

    node: Token
    liveness: str  # live | suspect | dead
    age_s: NotNegative  # of the last heartbeat
    heartbeat: Heartbeat
    in_flight: Count = 0  # the controller's own count
    fenced: dict[str, str] = msgspec.field(default_factory=dict)  # why, by model: wrong answers keep it from serving


class CutStatus(Message, frozen=True, omit_defaults=True):
    """How far a cut of a model is. Frames take it when each stage has a node that has proved itself."""

    cut: CutId
    whole: Digest  # of the artefact that was cut
    ready: tuple[tuple[Token, ...], ...]  # nodes that say they are ready, a stage
    proved: tuple[tuple[Token, ...], ...]  # those of them over which the known picture got its known answer
    problem: str = ""  # why one of them failed


class ModelStatus(Message, frozen=True, omit_defaults=True):
    """A model as the cluster serves it."""

    model: Token
    version: str
    task: str
    licence: str
    variants: tuple[str, ...]
    nodes_ready: tuple[Token, ...]
    cuts: tuple[CutStatus, ...] = ()
    primary: tuple[Token, ...] = ()  # nodes that are to serve it; the others stand by
    standing_by: tuple[Token, ...] = ()
    versions: tuple[VersionStatus, ...] = ()  # that are kept, the newest first


class ControllerStatus(Message, frozen=True):
    """A controller's duties and its own ledger, once a second. Each controller counts for itself."""

    controller: Token
    session: str
    at: float
    version: str
    uptime_s: NotNegative
    plans: bool  # it has the task of planning
    cameras: tuple[Token, ...]  # that it owns
    counts: Counts
    latency_ms: dict[str, float]
    metrics_url: str = ""
    liveness: str = "live"  # live | dead; set by whoever tells of it
    endings: tuple[Ending, ...] = ()  # what it lives on that ends some day, as far as it knows
    unread: str = ""  # the log of its server, where it cannot read that
    losing: bool = False  # messages to it were thrown away within the last minute: it could not keep up


class ClusterStatus(Message, frozen=True):
    """Everything that a controller can tell at a glance."""

    controller: Token  # whose word this is
    at: float
    counts: Counts  # of all controllers
    latency_ms: dict[str, float]  # p50, p95, p99 of the recent results; of several controllers the highest
    nodes: tuple[NodeStatus, ...]
    cameras: tuple[CameraStatus, ...]
    models: tuple[ModelStatus, ...]
    metrics_url: str = ""
    controllers: tuple[ControllerStatus, ...] = ()
    jobs: QueueStatus | None = None  # a moment ago; None: this controller has not looked yet
    plans: tuple[PlanState, ...] = ()  # of the models that are not laid out automatically
    foundations: Foundations = Foundations()

"""What an operator can ask of a cluster, one method a question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from modelkit.manifest import Manifest, encode_manifest
from wire import headers, subjects
from wire.audit import Note
from wire.bus import Bus, Received, Stream
from wire.cameras import CameraConfig, SourceReport, SourceRequest
from wire.errors import AnswerTimeoutError, BadRequestError, InternalError, NoRespondersError, error_from_json
from wire.findings import Examination
from wire.headers import AnswerKind, InferOptions
from wire.jobs import BatchRequest, ChunkDone, JobsReport
from wire.messages import Done, Message, NameRequest, Result, decode, encode
from wire.plans import PlanReport, PlanRequest, PlanState
from wire.policies import ServingPolicy
from wire.status import ClusterStatus
from wire.versions import VersionRequest

ASK_S = 10.0
PLAN_S = 900.0  # every node may have to time a model, those of one machine one after another
EXAMINE_S = 30.0  # a node tries every runtime in a child process, and times its disk
REMOVE_S = 30.0  # a camera's removal waits for its frames
COUNT_S = 60.0  # batches are counted, and some hundred jobs changed, one by one
FIRST_TRY = 0.4
"""Of the time for a question that may be asked twice; a controller that froze is out of the queue group by then."""

GRACE_S = 2.0  # on top of a deadline: the controller answers at the deadline at the latest
PENDING_RESULTS = 1024


class Cluster:
    """The cluster at the other end of a bus.

    Every method raises BusError where it cannot be reached, and the error that the controller or the node answers with.
    """

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    async def status(self, *, within: float = ASK_S) -> ClusterStatus:
        """Ask how everything is; ask again where the controller that got the question does not answer."""
        try:
            data = await self._control("cluster", "status", b"{}", within=within * FIRST_TRY)
        except AnswerTimeoutError:
            data = await self._control("cluster", "status", b"{}", within=within * (1 - FIRST_TRY))
        return decode(data, ClusterStatus)

    async def add_camera(self, config: CameraConfig) -> Done:
        """Add a camera, or change the one of that name."""
        return await self._tell("camera", "add", config)

    async def remove_camera(self, name: str) -> Done:
        """Remove a camera; returns once the last of its frames has found its end."""
        return await self._tell("camera", "remove", NameRequest(name=name), within=REMOVE_S)

    async def try_camera(self, request: SourceRequest) -> SourceReport:
        """Have the controller open a camera's URL and report what is there."""
        data = await self._control("camera", "test", encode(request), within=request.timeout_s + ASK_S)
        return decode(data, SourceReport)

    async def take_snapshot(self, camera: str) -> bytes:
        """Return the camera's last frame with what was found in it drawn in, as JPEG."""
        return await self._control("camera", "snapshot", encode(NameRequest(name=camera)), within=ASK_S)

    async def add_model(self, manifest: Manifest) -> Done:
        """Have a model served whose files are in the object store already."""
        return decode(await self._control("model", "add", encode_manifest(manifest), within=ASK_S), Done)

    async def keep_model(self, manifest: Manifest) -> Done:
        """Keep a version of a model whose files are in the object store, so that it can be promoted."""
        return decode(await self._control("model", "keep", encode_manifest(manifest), within=ASK_S), Done)

    async def promote(self, model: str, version: str) -> Done:
        """Put a kept version of a model into force; returns before nodes serve it."""
        return await self._tell("model", "promote", VersionRequest(model=model, version=version))

    async def roll_back(self, model: str) -> Done:
        """Put back into force what was before; returns before nodes serve it."""
        return await self._tell("model", "rollback", NameRequest(name=model))

    async def set_policy(self, policy: ServingPolicy) -> Done:
        """Say which nodes are to serve a model while the others stand by."""
        return await self._tell("model", "policy", policy)

    async def remove_model(self, name: str) -> Done:
        """Stop serving a model."""
        return await self._tell("model", "remove", NameRequest(name=name))

    async def make_plan(self, request: PlanRequest) -> PlanReport:
        """Have the controller measure what it does not know and propose how to run a model."""
        return decode(await self._control("plan", "make", encode(request), within=PLAN_S), PlanReport)

    async def apply_plan(self, request: PlanRequest) -> PlanReport:
        """The same, and put the proposal into force; returns before it is."""
        return decode(await self._control("plan", "apply", encode(request), within=PLAN_S), PlanReport)

    async def reset_plan(self, model: str) -> Done:
        """Go back to the whole model on every node that can run it."""
        return await self._tell("plan", "reset", NameRequest(name=model))

    async def show_plan(self, model: str) -> PlanState:
        """Ask what plan a model has, and whether it is in force."""
        return decode(await self._control("plan", "show", encode(NameRequest(name=model)), within=ASK_S), PlanState)

    async def command_node(self, node: str, verb: str) -> Done:
        """Send ``drain`` or ``undrain`` to a node."""
        return await self._tell("node", verb, NameRequest(name=node))

    async def examine_node(self, node: str) -> Examination:
        """Have a node examine itself."""
        return decode(await self._ask_node(node, "examine", within=EXAMINE_S), Examination)

    async def _ask_node(self, node: str, verb: str, *, within: float) -> bytes:
        subject = subjects.NODE_COMMAND.build(node=node, verb=verb)
        try:
            reply = await self.bus.control.request(subject, b"{}", within=within)
        except NoRespondersError as error:
            raise BadRequestError(
                f"no node {node!r} is connected", remedy="`bramble nodes` lists those that are"
            ) from error
        return _unwrap(reply)

    async def infer(self, model: str, picture: bytes, options: InferOptions) -> Result | bytes:
        """Ask a model about a picture.

        Returns:
            The result; the annotated JPEG where the options ask for a picture.

        """
        subject = subjects.INFER.build(model=model)
        within = options.deadline_ms / 1000 + GRACE_S
        try:
            reply = await self.bus.data.request(subject, picture, headers=options.to_headers(), within=within)
        except NoRespondersError as error:
            raise _no_controller() from error
        data = _unwrap(reply)
        return data if options.answer is AnswerKind.PICTURE else decode(data, Result)

    async def jobs(self, batch: str = "", *, within: float = COUNT_S) -> JobsReport:
        """Ask about the job queue and its batches, or one of them."""
        return decode(await self._control("jobs", "list", encode(BatchRequest(batch=batch)), within=within), JobsReport)

    async def change_jobs(self, verb: str, request: BatchRequest) -> ChunkDone:
        """Cancel or retry some jobs; ``left`` of the answer tells how many are still to be asked for."""
        return decode(await self._control("jobs", verb, encode(request), within=COUNT_S), ChunkDone)

    async def forget_batch(self, batch: str) -> Done:
        """Remove a batch's outcomes and kept pictures."""
        return await self._tell("jobs", "forget", BatchRequest(batch=batch), within=COUNT_S)

    @property
    def queue(self) -> Stream:
        """The stream that takes jobs."""
        return Stream(self.bus.data, subjects.JOBS_STREAM)

    @property
    def outcomes(self) -> Stream:
        """The stream of jobs' outcomes."""
        return Stream(self.bus.control, subjects.OUTCOMES_STREAM)

    @asynccontextmanager
    async def results(self, *, camera: str | None = None, model: str | None = None) -> AsyncIterator[Results]:
        """Receive results for the time of an ``async with``; None stands for all."""
        wanted = {name: value for name, value in (("camera", camera), ("model", model)) if value is not None}
        results = Results()
        subscription = await self.bus.data.subscribe(
            subjects.RESULTS.wildcard(**wanted), results.put, max_pending=PENDING_RESULTS
        )
        await self.bus.data.flush()
        try:
            yield results
        finally:
            await subscription.end()

    async def note_deed(self, note: Note) -> Done:
        """Put something on the record, in the user's name."""
        return await self._tell("audit", "note", note)

    async def _tell(self, noun: str, verb: str, message: Message, *, within: float = ASK_S) -> Done:
        return decode(await self._control(noun, verb, encode(message), within=within), Done)

    async def _control(self, noun: str, verb: str, payload: bytes, *, within: float) -> bytes:
        subject = subjects.CONTROL.build(user=self.bus.user, noun=noun, verb=verb)
        try:
            return _unwrap(await self.bus.control.request(subject, payload, within=within))
        except NoRespondersError as error:
            raise _no_controller() from error


class Results:
    """Results as they come; the oldest are lost, and counted, where the reader is too slow."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Result] = asyncio.Queue(PENDING_RESULTS)
        self.lost = 0

    async def put(self, message: Received) -> None:
        """Take in a message.

        Raises:
            BadRequestError: it is not a result.

        """
        result = decode(message.data, Result)
        if self._queue.full():
            self._queue.get_nowait()
            self.lost += 1
        self._queue.put_nowait(result)

    async def next(self) -> Result:
        """Wait for the next result."""
        return await self._queue.get()


def _unwrap(reply: Received) -> bytes:
    """Return the payload of a good answer; raise the error of a bad one."""
    if not any(name.lower() == headers.ERROR.lower() for name in reply.headers or {}):
        return reply.data
    raise error_from_json(reply.data) or InternalError(f"an error reply cannot be read: {reply.data[:200]!r}")


def _no_controller() -> NoRespondersError:
    return NoRespondersError(
        "the NATS server answers, but no controller does",
        remedy="start one (`bramble local` runs a whole cluster), or choose another cluster with --context",
    )

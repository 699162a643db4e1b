"""Carries out what the user has confirmed."""

from __future__ import annotations

from tui.actions import (
    Action,
    AddCamera,
    ApplyPlan,
    CancelJobs,
    Drain,
    ForgetBatch,
    Promote,
    RemoveCamera,
    ResetPlan,
    RetryJobs,
    RollBack,
    Undrain,
)
from tui.asking import ask
from tui.rows.plans import tell_pipelines
from tui.texts import count_words
from wire.bus import Bus
from wire.jobs import BatchRequest, ChunkDone
from wire.messages import Done, Message, NameRequest, decode
from wire.plans import PlanReport, PlanRequest
from wire.versions import VersionRequest

ACT_S = 30.0  # a camera's removal waits for its frames
JOBS_S = 60.0  # some hundred jobs are changed one by one
PLAN_S = 900.0  # every node may have to time a model, those of one machine one after another
MAX_CHUNKS = 1000


async def carry_out(bus: Bus, action: Action) -> str:  # noqa: PLR0911 - one arm an action
    """Carry out an action and return what was done.

    Raises:
        BrambleError: what the controller or the node answers, or that the cluster cannot be reached.

    """
    match action:
        case Drain(node):
            return await _tell(bus, "node", "drain", NameRequest(name=node))
        case Undrain(node):
            return await _tell(bus, "node", "undrain", NameRequest(name=node))
        case AddCamera(config):
            return await _tell(bus, "camera", "add", config)
        case RemoveCamera(camera):
            return await _tell(bus, "camera", "remove", NameRequest(name=camera))
        case ApplyPlan(request):
            report = await ask_for_plan(bus, "apply", request)
            best = report.options[0]
            return f"{report.model}: {best.name} ({tell_pipelines(best.pipelines)}) serves once its nodes are ready"
        case ResetPlan(model):
            return await _tell(bus, "plan", "reset", NameRequest(name=model))
        case Promote(model, digest=digest):
            return await _tell(bus, "model", "promote", VersionRequest(model=model, version=digest))
        case RollBack(model):
            return await _tell(bus, "model", "rollback", NameRequest(name=model))
        case RetryJobs() | CancelJobs() | ForgetBatch():
            return await _change_batch(bus, action)


async def ask_for_plan(bus: Bus, verb: str, request: PlanRequest) -> PlanReport:
    """Have a plan made, or applied.

    Raises:
        BrambleError: as :func:`carry_out`.

    """
    return decode((await ask(bus, "plan", verb, request, within=PLAN_S)).data, PlanReport)


async def _tell(bus: Bus, noun: str, verb: str, message: Message, *, within: float = ACT_S) -> str:
    return decode((await ask(bus, noun, verb, message, within=within)).data, Done).text


async def _change_batch(bus: Bus, action: RetryJobs | CancelJobs | ForgetBatch) -> str:
    match action:
        case RetryJobs(batch, jobs):
            changed = await _change_jobs(bus, "retry", BatchRequest(batch=batch, jobs=jobs))
            return f"{count_words(changed, 'job')} of {batch} will be tried again"
        case CancelJobs(batch):
            return f"{count_words(await _change_jobs(bus, 'cancel', BatchRequest(batch=batch)), 'job')} cancelled"
        case ForgetBatch(batch):
            return await _tell(bus, "jobs", "forget", BatchRequest(batch=batch), within=JOBS_S)


async def _change_jobs(bus: Bus, verb: str, request: BatchRequest) -> int:
    """Ask again and again, since one request changes some hundred jobs at most; return how many were changed."""
    changed = 0
    for _ in range(MAX_CHUNKS):
        done = decode((await ask(bus, "jobs", verb, request, within=JOBS_S)).data, ChunkDone)
        changed += done.changed
        if not done.left:
            break
    return changed

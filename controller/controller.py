"""The controller put together: what listens, what follows, what ticks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version

from controller.audit.desk import AuditDesk
from controller.audit.recorder import Recorder
from controller.audit.sources import Sources, open_sources
from controller.audit.witnesses import WitnessDesk
from controller.canaries.fences import Fences
from controller.canaries.path import make_canaries
from controller.catalogue import Catalogue
from controller.desks.control import ControlDesk
from controller.desks.door import ControlDoor
from controller.desks.pushes import PushDesk
from controller.desks.rates import Rates
from controller.desks.reads import ReadDesk
from controller.desks.requests import RequestDesk
from controller.dispatch.courier import BusCourier
from controller.dispatch.dispatcher import Dispatcher
from controller.dispatch.pool import Pool
from controller.dispatch.remembering import AnswerCache, RememberingDispatcher
from controller.dispatch.sliced import SlicedDispatcher
from controller.endings import Endings
from controller.fleet import Fleet
from controller.foundations import FoundationsKeeper
from controller.http import HttpServer
from controller.jobs.control import JobControl
from controller.jobs.desk import JobDesk
from controller.lanes.capture import Capture
from controller.lanes.footing import Footing
from controller.lanes.lane import Lane, LaneSettings
from controller.leases.keeper import LeaseKeeper
from controller.metrics.metrics import Metrics
from controller.metrics.snapshot import Snapshot
from controller.nodes.nodes import Nodes
from controller.ownership import Ownership
from controller.peers import Peers
from controller.plans.plans import Plans
from controller.proofs.known_picture import KnownPictures
from controller.proofs.prover import Prover
from controller.report import Reporter, find_teller
from controller.results.results import Results
from controller.rounds import Rounds
from controller.settings import Settings
from controller.sight import SightKeeper
from controller.stores import Stores
from controller.tracing.open import open_tracer
from controller.versions.versions import ModelVersions
from controller.vitals import Vitals
from controller.watch import Watch
from wire import subjects
from wire.audit import Deed
from wire.bus import Bus
from wire.cameras import CameraConfig
from wire.context import load_context
from wire.errors import BusError
from wire.health import judge_cluster
from wire.heap import trim_regularly
from wire.ids import JOBS, REQUESTS
from wire.jobs import QueueStatus
from wire.messages import Result, encode
from wire.service import Service
from wire.systemd import READY, STOPPING, WATCHDOG, Notifier

TICK_S = 0.25
STATUS_S = 1.0

_log = logging.getLogger("bramble.controller")


class Controller:
    """Made by :meth:`open`, runs until cancelled."""

    def __init__(self, settings: Settings, bus: Bus, notifier: Notifier, stores: Stores, *, place: str) -> None:
        self._settings = settings
        self._notifier = notifier
        self._bus = bus
        self._config = stores.config
        self._clock: Callable[[], float] = time.monotonic
        self._version = version("bramble-edge")
        self._metrics = Metrics()
        self._tracer = open_tracer(
            settings.traces, ratio=settings.traces_ratio, controller=settings.id, version=self._version
        )
        self._keeper = LeaseKeeper(
            stores.leases, bus.control, controller=settings.id, place=place, on_change=self._note_leases
        )
        self._results = Results(bus.data, self._metrics, self._clock, self._keeper.owns, tracer=self._tracer)
        self._catalogue = Catalogue(self._note_refusal)
        self._endings = Endings(load_context(settings.context))
        self._knows_models = asyncio.Event()
        self._pool = Pool(self._clock)
        courier = BusCourier(bus.data, self._tracer)
        self._dispatcher = Dispatcher(self._pool, courier, self._clock)
        pictures = KnownPictures(stores.blobs)
        self._prover = Prover(self._catalogue, courier, pictures, bus.control, self._clock, on_change=self._reseat)
        self._nodes = Nodes(
            self._catalogue, self._pool, self._prover, stores.assignments, self._clock, leads=lambda: self._keeper.plans
        )
        self._vitals = Vitals(bus, self._catalogue, self._nodes, self._clock)
        self._foundations = FoundationsKeeper(bus.control, settings.witnesses, self._clock)
        self._sources = Sources()
        self._fences = Fences(stores.fences, self._nodes.reseat)
        self._nodes.fences = self._fences
        self._canaries = make_canaries(
            bus.control,
            self._fences,
            nodes=self._nodes,
            pool=self._pool,
            courier=courier,
            pictures=pictures,
            leads=lambda: self._keeper.plans,
            clock=self._clock,
        )
        self._peers = Peers(settings.id, self._clock)
        self._sight = SightKeeper(stores.sight, settings.id, self._peers, self._clock)
        self._fleet = Fleet(
            self._make_lane,
            bus.control,
            self._clock,
            owns=self._keeper.owns,
            recall_blindness=self._sight.recall,
        )
        self._ownership = Ownership(
            settings.id,
            bus.control,
            keeper=self._keeper,
            fleet=self._fleet,
            peers=self._peers,
            results=self._results,
            sight=self._sight,
        )
        self._model_versions = ModelVersions(
            settings.id, stores.config, stores.blobs, bus.control, self._catalogue,
            nodes=self._nodes.statuses, is_leader=lambda: self._keeper.plans,
            record=lambda deed: self._recorder.write(deed), on_change=self._nodes.reseat, clock=self._clock,  # noqa: PLW0108
        )  # fmt: skip
        self._reporter = Reporter(
            settings.id, self._version, self._clock,
            catalogue=self._catalogue, endings=self._endings, foundations=self._foundations, keeper=self._keeper,
            nodes=self._nodes, ownership=self._ownership, peers=self._peers, prover=self._prover,
            results=self._results, vitals=self._vitals,
            jobs=lambda: self._jobs.status,
            plans=lambda: self._plans.states(),  # noqa: PLW0108 - they are opened later
            versions=self._model_versions.statuses,
            unread=lambda: self._sources.unread,
        )  # fmt: skip
        self._rates = Rates(settings.client_rate)
        self._jobs = JobDesk(
            settings.id,
            bus,
            disk=settings.jobs_disk,
            catalogue=self._catalogue,
            pool=self._pool,
            dispatcher=self._dispatcher,
            results=self._results,
            clock=self._clock,
        )
        self._cache = AnswerCache(
            self._catalogue, lambda node, model, artefact: self._fences.find(node, model, artefact) is not None
        )
        self._sliced = SlicedDispatcher(self._dispatcher, self._pool, self._catalogue.require)
        remembering = RememberingDispatcher(self._sliced, self._cache)
        self.requests = RequestDesk(
            self._catalogue, remembering, self._results, self._rates, self._clock, note_refusal=self._note_refusal
        )
        self._watch = Watch(settings.id, bus.control)
        self._http: HttpServer | None = None
        self._plans: Plans
        self._recorder: Recorder

    @classmethod
    async def open(cls, settings: Settings, bus: Bus, notifier: Notifier, *, place: str) -> Controller:
        """Open the buckets; ``place`` is that of :class:`controller.leases.place.Place`.

        Raises:
            BusError: JetStream is not there.

        """
        made = cls(settings, bus, notifier, await Stores.open(bus), place=place)
        made._plans = await Plans.open(
            bus,
            made._catalogue,
            nodes=made._nodes.statuses,
            on_change=made._nodes.assign,
            is_proved=made._prover.has_proved,
            is_leader=lambda: made._keeper.plans,
        )
        made._recorder = await Recorder.open(bus, settings.id, made._clock, disk=settings.record_disk)
        made._sources = await open_sources(settings)
        made._nodes.plans = lambda: made._plans.by_model
        made._nodes.on_loss = made._plans.hurry
        return made

    async def run(self) -> None:
        """Serve until cancelled. A background task that dies ends everything, loudly."""
        async with self._serving() as service, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._open_doors(service), name="open-doors")
            tasks.create_task(self._follow_models(), name="follow-models")
            tasks.create_task(self._model_versions.run(), name="versions")
            tasks.create_task(self._ownership.follow(self._config), name="follow-cameras")
            tasks.create_task(self._ownership.run(), name="run-cameras")
            tasks.create_task(self._fleet.keep_ready(), name="keep-ready")
            tasks.create_task(self._nodes.follow_policies(self._config), name="follow-policies")
            tasks.create_task(self._keep_leases(), name="keep-leases")
            tasks.create_task(self._fences.follow(), name="follow-fences")
            tasks.create_task(self._canaries.run(), name="canaries")
            tasks.create_task(self._sight.follow(), name="follow-sight")
            tasks.create_task(self._sight.write_regularly(), name="write-sight")
            tasks.create_task(self._jobs.run(), name="jobs")
            tasks.create_task(self._tick(), name="tick")
            tasks.create_task(self._endings.run(), name="endings")
            rounds = Rounds(self._pool, self._bus.data, self._clock)
            self._pool.doubt = rounds.doubt
            tasks.create_task(rounds.run(), name="rounds")
            tasks.create_task(self._tell_status(), name="tell-status")
            tasks.create_task(trim_regularly(), name="trim-heap")
            tasks.create_task(self._plans.run(), name="plans")
            tasks.create_task(self._prover.run(), name="proofs")
            tasks.create_task(self._recorder.run(*self._sources.refusals), name="audit")
            tasks.create_task(self._foundations.run(), name="foundations")
            witnesses = WitnessDesk(self._bus.control, self._recorder, self._clock, self._foundations.take_beat)
            tasks.create_task(witnesses.listen(), name="witnesses")

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[Service]:
        bus, settings = self._bus, self._settings
        service = Service(
            bus.data,
            name="bramble",
            version=self._version,
            description="Inference over the nodes of a Bramble cluster",
            metadata={"controller": settings.id},
        )
        service.add_endpoint(
            "infer", subjects.INFER.wildcard(), self.requests.answer, metadata={"payload": "JPEG or PNG"}
        )
        door = ControlDoor(service, self._recorder.write, self._note_refusal)
        status = self._reporter.cluster
        ControlDesk(
            self._config, bus.control, ownership=self._ownership, catalogue=self._catalogue, status=status
        ).register(door)
        self._model_versions.register(door, self._ownership)
        self._plans.register(door)
        JobControl(self._jobs, self._catalogue, settings.id).register(door)
        AuditDesk(self._recorder).register(door)
        pushes = PushDesk(
            self._fleet,
            self._metrics,
            bus.data,
            answers_for_others=self._ownership.answers_for_unknown,
            note_refusal=self._note_refusal,
        )
        listening = [
            await bus.control.subscribe(subjects.HEARTBEAT.wildcard(), self._nodes.take_heartbeat),
            await bus.control.subscribe(subjects.NODE_EVENT.wildcard(), self._nodes.take_event),
            await bus.control.subscribe(subjects.CONTROLLER_HEARTBEAT.wildcard(), self._keeper.take_beat),
            await bus.control.subscribe(subjects.CONTROLLER_STATUS.wildcard(), self._peers.take_controller),
            await bus.control.subscribe(subjects.CAMERA_STATUS.wildcard(), self._peers.take_camera),
            await bus.control.subscribe(subjects.CAMERA_SNAPSHOT.wildcard(), self._ownership.answer_snapshot),
            await bus.data.subscribe(subjects.FRAMES.wildcard(), pushes.take, max_pending=64),
            await ReadDesk(bus.data, self._note_refusal).listen(),
        ]
        self._http = HttpServer(
            settings.metrics_host,
            settings.metrics_port,
            self._metrics.registry,
            health=self._vitals.find_illness,
            readiness=self._vitals.find_unreadiness,
        )
        self._reporter.metrics_url = self._http.url
        self._metrics.show(self._take_snapshot())
        try:
            yield service
        finally:
            self._notifier.tell(STOPPING)
            await self._fleet.close()
            await service.stop()
            for subscription in listening:
                await subscription.end()
            await self._dispatcher.close()
            await asyncio.to_thread(self._http.close)
            await asyncio.to_thread(self._tracer.close)
            _log.info("stopped", extra={"action": "stop"})

    def _reseat(self) -> None:
        self._nodes.reseat()

    def _make_lane(self, config: CameraConfig, model: str, on_result: Callable[[Capture, Result], None]) -> Lane:
        return Lane(
            LaneSettings(config.camera, model, config.deadline_ms / 1e3, config.threshold, config.tiles),
            pool=self._pool,
            dispatcher=self._sliced,
            results=self._results,
            knows=self._catalogue.__contains__,
            on_result=on_result,
            clock=self._clock,
            footing=Footing(
                model,
                config.ladder,
                self._nodes.supply,
                **({"moves": config.motion.threshold} if config.motion else {}),
            ),
        )

    async def _open_doors(self, service: Service) -> None:
        """Take requests once the models are known: before that every model would be an unknown one."""
        await self._knows_models.wait()
        await service.start()
        self._notifier.tell(READY, "STATUS=serving")
        _log.info("serving", extra={"action": "start", "metrics": self._http.url if self._http else ""})

    async def _follow_models(self) -> None:
        async for entries in self._config.follow(subjects.MODEL_KEY.wildcard()):
            self._catalogue.replace(entries)
            self._knows_models.set()
            self._jobs.note_models()
            self._nodes.reseat()
            await self._nodes.assign()

    async def _keep_leases(self) -> None:
        """Keep them until cancelled; then stop what hangs on them before they are given up."""
        try:
            await self._keeper.run()
        finally:
            await self._ownership.tell()
            await self._fleet.close()
            await self._sight.write()
            await self._keeper.end()

    def _note_leases(self) -> None:
        self._ownership.note_change()
        self._nodes.note_leases()

    def _note_refusal(self, deed: Deed) -> None:
        self._recorder.note_refusal(deed)

    async def _tick(self) -> None:
        while True:
            self._vitals.note_turn()
            self._nodes.tick()
            self._fleet.raise_failures()
            await asyncio.sleep(TICK_S)

    async def _tell_status(self) -> None:
        last = self._clock()
        while True:
            await asyncio.sleep(STATUS_S)
            now = self._clock()
            self._notifier.tell(WATCHDOG)
            await self._nodes.assign()
            for camera in self._fleet.cameras():
                camera.add_blindness(now - last)
                camera.step_ladders(now - last)
            snapshot = self._take_snapshot()
            self._metrics.show(snapshot)
            await self._watch.look(snapshot.findings, now)
            self._ownership.look_ahead()
            await self._ownership.tell()
            subject = subjects.CONTROLLER_STATUS.build(controller=self._settings.id)
            try:
                await self._bus.control.publish(subject, encode(self._reporter.own()))
            except BusError as error:
                _log.warning("a status was lost", extra={"action": "tell_status", "error": error.message})
            last = now

    def _take_snapshot(self) -> Snapshot:
        whole = self._reporter.cluster()
        status = self._reporter.leave_out_others(whole)
        cameras = {camera.camera for camera in status.cameras} | {JOBS, REQUESTS}
        return Snapshot(
            version=self._version,
            status=status,
            ledger=self._results.ledger.lanes(cameras),
            ready=not self._vitals.find_unreadiness(),
            connected=self._bus.connected,
            waiting=self._pool.waiting,
            redone=self._dispatcher.redone,
            late_answers=self._dispatcher.late,
            cache_hits=self._cache.hits,
            cache_bytes=self._cache.bytes,
            lost_messages=self._vitals.lost_messages,
            rate_refused=self._rates.refused,
            jobs=self._jobs.status or QueueStatus(),
            job_ends=dict(self._jobs.tally.ends),
            jobs_repeated=self._jobs.tally.repeated,
            plans=self._keeper.plans,
            findings=judge_cluster(whole) if find_teller(whole.controllers) == self._settings.id else None,
            fenced=self._results.fenced,
            refused=dict(self._recorder.refused),
            unrecorded=self._recorder.lost,
        )

"""The notifier put together: look at the cluster, fold, tell."""

from __future__ import annotations

import asyncio
import logging
import time
from importlib.metadata import version

from notifier.board import compose
from notifier.mqtt import MqttTeller
from notifier.notice import Notice
from notifier.settings import Settings
from notifier.state import Sights, expire, fold_result, is_worth_telling, tell_change
from notifier.webhook import WebhookTeller
from wire import subjects
from wire.bus import Bus, Received
from wire.errors import BadRequestError, BrambleError
from wire.findings import Finding
from wire.health import judge_cluster, judge_silence
from wire.messages import Result, decode, encode
from wire.status import ClusterStatus
from wire.systemd import READY, STOPPING, WATCHDOG, Notifier
from wire.troubles import Troubles, fold_findings

LOOK_S = 2.0
ASK_S = 2.0
MAX_PENDING = 256

_log = logging.getLogger("bramble.notify")


class Teller:
    """Looks at one cluster and tells what is worth it."""

    def __init__(self, settings: Settings, bus: Bus, notifier: Notifier) -> None:
        self._settings = settings
        self._bus = bus
        self._notifier = notifier
        self._version = version("bramble-edge")
        self._webhook = WebhookTeller(settings.webhook) if settings.webhook else None
        self._mqtt = MqttTeller(settings.mqtt) if settings.mqtt else None
        self._troubles: Troubles = {}
        self._sights: Sights = {}
        self._status: ClusterStatus | None = None

    async def run(self) -> None:
        """Serve until cancelled. A task that dies ends everything, loudly."""
        results = await self._bus.data.subscribe(
            subjects.RESULTS.wildcard(), self._take_result, max_pending=MAX_PENDING
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, teller in (("webhook", self._webhook), ("mqtt", self._mqtt)):
                    if teller is not None:
                        tasks.create_task(teller.run(), name=name)
                tasks.create_task(self._look(), name="look")
        finally:
            self._notifier.tell(STOPPING)
            await results.end()

    async def _look(self) -> None:
        self._notifier.tell(READY, "STATUS=telling")
        while True:
            findings = await self._examine()
            now, at = time.monotonic(), time.time()
            self._troubles, changes = fold_findings(
                self._troubles, filter(is_worth_telling, findings), now, patience_s=self._settings.patience_s
            )
            self._tell(tuple(tell_change(change, at) for change in changes))
            self._sights, notices = expire(self._sights, now, at=at)
            self._tell(notices)
            self._show()
            self._notifier.tell(WATCHDOG)
            await asyncio.sleep(LOOK_S)

    async def _examine(self) -> tuple[Finding, ...]:
        subject = subjects.CONTROL.build(user=self._bus.user, noun="cluster", verb="status")
        try:
            reply = await self._bus.control.request(subject, b"{}", within=ASK_S)
            self._status = decode(reply.data, ClusterStatus)
        except BrambleError as error:
            self._status = None
            return (judge_silence(error.message),)
        return judge_cluster(self._status)

    async def _take_result(self, message: Received) -> None:
        try:
            result = decode(message.data, Result)
        except BadRequestError as error:
            _log.warning("a result cannot be read", extra={"action": "read_result", "error": error.message})
            return
        self._sights, notices = fold_result(
            self._sights, result, self._settings.sightings, time.monotonic(), at=time.time()
        )
        if notices:
            self._tell(notices)
            self._show()

    def _tell(self, notices: tuple[Notice, ...]) -> None:
        for notice in notices:
            _log.info(notice.text, extra={"action": f"{notice.kind}_{notice.state}"})
            if self._webhook is not None:
                self._webhook.tell(notice)
            if self._mqtt is not None:
                self._mqtt.tell(encode(notice))

    def _show(self) -> None:
        if self._mqtt is not None and self._settings.mqtt is not None:
            board = compose(
                self._settings.mqtt,
                self._status,
                troubles=self._troubles,
                sights=self._sights,
                rules=self._settings.sightings,
                version=self._version,
            )
            self._mqtt.show(board)

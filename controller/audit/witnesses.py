"""``refused.<witness>``: what a server refused that no controller watches, told by the witness on its machine."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec

from controller.audit.recorder import Recorder
from controller.audit.refusals import refuse_inbox
from controller.desks.rates import Bucket
from wire import subjects
from wire.bus import Link, Received
from wire.context import is_inbox_of
from wire.errors import BrambleError, BusError, NoCapacityError, NotAuthorisedError
from wire.messages import Done, decode, encode
from wire.refusals.report import Report, check_report
from wire.refusals.throttle import EVERY_S, MOST
from wire.service import QUEUE, error_headers

RATE = 2 * MOST / EVERY_S
"""Entries a second: twice what an honest witness comes to, which keeps floods down by itself."""

BURST = 2.0 * MOST
MOST_WITNESSES = 64
MAX_PENDING = 64
"""Reports that wait; one that finds no room is told again."""

_log = logging.getLogger("bramble.audit")


class WitnessDesk:
    """Puts on the record what witnesses tell, each refusal once, and of none of them more than its share.

    The record takes no more when it is full, so a witness that was taken over must not fill it.
    """

    def __init__(
        self,
        link: Link,
        recorder: Recorder,
        clock: Callable[[], float],
        take_beat: Callable[[Received], Awaitable[None]],
    ) -> None:
        self._link = link
        self._recorder = recorder
        self._clock = clock
        self._take_beat = take_beat
        self._shares: OrderedDict[str, Bucket] = OrderedDict()

    async def listen(self) -> None:
        """Begin to listen, and return once the server lets us.

        A server whose roles are of an older release refuses that. It disconnects everybody when it is given newer ones.
        """
        reconnected = asyncio.Event()
        self._link.call_on_reconnect(reconnected.set)
        while True:
            reconnected.clear()
            subscriptions = [
                await self._link.subscribe(
                    subjects.REFUSED.wildcard(), self._receive, queue=QUEUE, max_pending=MAX_PENDING
                ),
                await self._link.subscribe(
                    subjects.WITNESS_HEARTBEAT.wildcard(), self._take_beat, max_pending=MAX_PENDING
                ),
            ]
            try:
                await self._link.flush()
            except NotAuthorisedError as error:
                for each in subscriptions:
                    await each.end()
                _log.warning("witnesses are not heard", extra={"action": "listen", "error": error.message})
            except BusError as error:  # the server comes back, and the subscription with it
                _log.warning("the server is slow", extra={"action": "listen", "error": error.message})
                return
            else:
                return
            await reconnected.wait()

    async def _receive(self, message: Received) -> None:
        try:
            if done := await self._take(message):
                await self._link.publish(message.reply, encode(done))
        except BrambleError as error:
            _log.warning("not on the record", extra={"action": "witness", "code": error.code, "error": error.message})
            await self._link.publish(message.reply, error.to_json(), headers=error_headers(error))

    async def _take(self, message: Received) -> Done | None:
        fields = subjects.REFUSED.parse(message.subject)
        if fields is None or not is_inbox_of(fields["witness"], message.reply):
            # The server lets witnesses publish in their own name only; but it can be made to deliver in any.
            self._recorder.note_refusal(refuse_inbox(message.subject, message.reply))
            return None
        witness = fields["witness"]
        report = check_report(decode(message.data, Report))
        self._admit(witness, len(report.told))
        for told in report.told:
            deed = msgspec.structs.replace(told.deed, witness=witness)
            await self._recorder.write(deed, identity=f"{witness}-{report.run}-{told.number}")
        self._recorder.count(report.counts)
        _log.info("on the record", extra={"action": "witness", "witness": witness, "refusals": len(report.told)})
        return Done(text=f"refusals on the record: {len(report.told)}")

    def _admit(self, witness: str, entries: int) -> None:
        """Count entries of a witness against its share.

        Raises:
            NoCapacityError: it has had its share; the error says when to ask again.

        """
        now = self._clock()
        share = self._shares.pop(witness, Bucket(BURST, now)).refilled(RATE, now, BURST)
        left = share.spent(entries)
        self._shares[witness] = left or share
        if len(self._shares) > MOST_WITNESSES:
            self._shares.popitem(last=False)
        if left is None:
            raise NoCapacityError(
                f"{witness} has told more than {BURST:.0f} refusals at a time",
                remedy="look at its server's log: is it flooded?",
                retry_after_ms=math.ceil(share.wait_s(RATE, entries) * 1e3),
            )

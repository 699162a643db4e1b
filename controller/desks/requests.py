"""``infer.<model>`` for people and any NATS client: a picture in, JSON or a picture out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from controller.audit.refusals import refuse_name
from controller.catalogue import Catalogue
from controller.desks.door import NoteRefusal
from controller.desks.rates import Rates
from controller.dispatch.job import Job
from controller.dispatch.remembering import Inferring
from controller.lanes import overlay
from controller.lanes.capture import Capture
from controller.results.ledger import REMOVED
from controller.results.results import Results
from modelkit.errors import ModelkitError
from modelkit.picture import read_picture_info
from wire import subjects
from wire.bus import Received
from wire.bus.link import check_headers
from wire.errors import BadRequestError, BrambleError, ErrorBody, ErrorCode, error_from_body
from wire.headers import AnswerKind, InferOptions
from wire.ids import REQUESTS
from wire.messages import Result, encode
from wire.service import Reply
from wire.trace import find_traceparent


class RequestDesk:
    """Answers requests."""

    def __init__(
        self,
        catalogue: Catalogue,
        dispatcher: Inferring,
        results: Results,
        rates: Rates,
        clock: Callable[[], float],
        *,
        note_refusal: NoteRefusal,
    ) -> None:
        self._note_refusal = note_refusal
        self._catalogue = catalogue
        self._dispatcher = dispatcher
        self._results = results
        self._rates = rates
        self._clock = clock

    async def answer(self, message: Received) -> Reply:
        """Answer one request.

        Raises:
            BrambleError: any of the codes that an error reply can carry.

        """
        fields = subjects.INFER.parse(message.subject)
        if fields is None:
            self._note_refusal(refuse_name(message.subject, "of a model"))
            raise BadRequestError(f"{message.subject[:80]!r} does not name a model", remedy="ask infer.<model>")
        self._rates.admit(message.reply, self._clock())
        model = fields["model"]
        headers = check_headers(message)
        options = InferOptions.from_headers(headers)
        self._catalogue.require(model)
        capture = Capture.new(REQUESTS, message.data, captured_at=time.time(), arrived=self._clock())
        self._results.tracer.adopt(capture.frame, find_traceparent(headers))
        result = await self.infer(capture, model, options)
        if options.answer is AnswerKind.PICTURE:
            picture = await asyncio.to_thread(overlay.draw, message.data, result)
            return Reply(picture, {"Content-Type": "image/jpeg", "Bramble-Frame": result.frame})
        return Reply(encode(result), {"Content-Type": "application/json"})

    async def infer(self, capture: Capture, model: str, options: InferOptions) -> Result:
        """Have a picture looked at; the ledger has it from here to its end.

        Raises:
            BrambleError: any of the codes that an error reply can carry.

        """
        self._results.offer(capture, model)
        job = Job(
            frame=capture.frame,
            model=model,
            payload=capture.payload,
            deadline=capture.arrived + options.deadline_ms / 1e3,
            top_k=options.top_k,
            threshold=options.threshold,
            tiles=options.tiles,
            cached=options.cached,
        )
        try:
            check_picture(capture.payload)
            outcome = await self._dispatcher.infer(job)
        except BrambleError as error:
            self._results.fail(capture, model, error)
            raise
        except asyncio.CancelledError:
            self._results.drop(capture, model, REMOVED)
            raise
        return self._results.infer(capture, model, outcome)


def check_picture(payload: bytes) -> None:
    """Refuse a payload whose header shows that no node could use it, before it takes a slot.

    Raises:
        BrambleError: ``bad_image`` or ``too_large``.

    """
    try:
        read_picture_info(payload)
    except ModelkitError as error:
        raise from_modelkit(error) from error


def from_modelkit(error: ModelkitError) -> BrambleError:
    """Return modelkit's error as one that can cross the network."""
    return error_from_body(ErrorBody(code=ErrorCode(error.code), message=str(error), remedy=error.remedy))

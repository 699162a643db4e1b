"""What operators ask about plans: one micro-service endpoint each."""

from __future__ import annotations

from controller.plans.proposal import propose
from controller.surveying.surveyor import Surveyor
from wire import subjects
from wire.bus import Received
from wire.messages import decode, encode
from wire.plans import PlanRequest
from wire.service import Reply, Service

_JSON = {"Content-Type": "application/json"}


class PlanDesk:
    """Answers ``control.plan.<verb>``."""

    def __init__(self, surveyor: Surveyor) -> None:
        self._surveyor = surveyor

    def register(self, service: Service) -> None:
        """Add the endpoints to the service."""
        for verb, handler in (("make", self._make),):
            service.add_endpoint(f"plan-{verb}", subjects.CONTROL.build(noun="plan", verb=verb), handler)

    async def _make(self, message: Received) -> Reply:
        request = decode(message.data, PlanRequest)
        field = await self._surveyor.look(request)
        problems = await self._surveyor.measure(field, again=request.remeasure)
        return Reply(encode(propose(field, self._surveyor.gather(field, request), request, problems)), _JSON)

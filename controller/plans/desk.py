"""What operators ask about plans: one micro-service endpoint each."""

from __future__ import annotations

from controller.desks.door import ControlDoor
from controller.plans.keeper import Keeper
from controller.plans.planner import Planner
from wire.bus import Received
from wire.messages import Done, NameRequest, decode, encode
from wire.plans import PlanRequest
from wire.service import Reply

_JSON = {"Content-Type": "application/json"}


class PlanDesk:
    """Answers ``control.<user>.plan.<verb>``."""

    def __init__(self, planner: Planner, keeper: Keeper) -> None:
        self._planner = planner
        self._keeper = keeper

    def register(self, door: ControlDoor) -> None:
        """Add the endpoints."""
        for verb, handler in (
            ("make", self._make),
            ("apply", self._apply),
            ("reset", self._reset),
            ("show", self._show),
        ):
            door.add("plan", verb, handler)

    async def _make(self, message: Received) -> Reply:
        request = decode(message.data, PlanRequest)
        _, report = await self._planner.plan(request)
        return Reply(encode(report), _JSON)

    async def _apply(self, message: Received) -> Reply:
        return Reply(encode(await self._keeper.apply(decode(message.data, PlanRequest))), _JSON)

    async def _reset(self, message: Received) -> Reply:
        text = await self._keeper.reset(decode(message.data, NameRequest).name)
        return Reply(encode(Done(text=text)), _JSON)

    async def _show(self, message: Received) -> Reply:
        return Reply(encode(self._keeper.show(decode(message.data, NameRequest).name)), _JSON)

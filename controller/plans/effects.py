"""What plans that send activations in fewer bytes do to answers: measured on a node before they may be used."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from controller.surveying.surveyor import Field
from modelkit.manifest import KnownAnswer
from wire import subjects
from wire.bus import Link
from wire.effects import EffectRequest, WireEffect
from wire.errors import BrambleError, NoCapacityError, error_from_json
from wire.messages import Heartbeat, decode, encode
from wire.plans import PlannedStage, PlanOption
from wire.precision import Precision

MEASURE_S = 60.0
GRACE_S = 5.0
_TRIED = 3  # nodes
_KEPT = 64

_log = logging.getLogger("bramble.plans")


class _Way(NamedTuple):
    """What an effect depends on."""

    digest: str  # of the whole model
    known: KnownAnswer | None
    at: tuple[int, ...]
    wires: tuple[Precision, ...]  # one a cut


class Effects:
    """Asks nodes, and remembers what they said: the same file cut alike gives the same answers."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: OrderedDict[_Way, WireEffect] = OrderedDict()

    async def find(self, field: Field, option: PlanOption) -> WireEffect | None:
        """Return what an option does to answers, of its pipelines the worst; None where it sends all exactly.

        Raises:
            NoCapacityError: no node could say.

        """
        worst: WireEffect | None = None
        for stages in option.pipelines:
            if any(stage.wire is not Precision.EXACT for stage in stages):
                found = await self._measure(field, stages)
                if worst is None or _badness(found) > _badness(worst):
                    worst = found
        return worst

    async def _measure(self, field: Field, stages: Sequence[PlannedStage]) -> WireEffect:
        manifest = field.manifest
        digest = manifest.digest(field.variant)
        at, wires = tuple(stage.start for stage in stages[1:]), tuple(stage.wire for stage in stages[:-1])
        way = _Way(digest, manifest.known_answer, at, wires)
        if way in self._known:
            return self._known[way]
        request = EffectRequest(
            model=manifest.name, variant=field.variant, digest=digest, at=at, wires=wires, within_s=MEASURE_S
        )
        able = [beat for beat, variant in field.candidates if variant == field.variant]
        able.sort(key=lambda beat: (beat.in_flight + beat.queued, -beat.memory_available_bytes, beat.node))
        why = f"no node runs the {field.variant} variant"
        for beat in able[:_TRIED]:
            try:
                found = await self._ask(beat, request)
            except BrambleError as error:
                why = f"{beat.node}: {error.message}"
                _log.warning("not compared", extra={"action": "effect", "node": beat.node, "error": str(error)})
                continue
            self._known[way] = found
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return found
        raise NoCapacityError(f"what {_tell(way)} does to answers could not be measured: {why}", remedy="try again")

    async def _ask(self, beat: Heartbeat, request: EffectRequest) -> WireEffect:
        subject = subjects.NODE_COMMAND.build(node=beat.node, verb="effect")
        reply = await self._link.request(subject, encode(request), within=request.within_s + GRACE_S)
        if error := error_from_json(reply.data):
            raise error
        return decode(reply.data, WireEffect)


def _badness(effect: WireEffect) -> tuple[bool, float, float]:
    return bool(effect.problem), -effect.matched, effect.score_change


def _tell(way: _Way) -> str:
    coded = zip(way.at, way.wires, strict=True)
    return ", ".join(f"{wire} at {place}" for place, wire in coded if wire is not Precision.EXACT)

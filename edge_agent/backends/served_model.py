"""A model, or a stage of one, that serves by its manifest, whatever runtime it runs in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_agent.backends.base import Activations, Findings, LoadedModel, Prepared
from edge_agent.backends.entrances import ActivationEntrance, Entrance, GatheringEntrance, PictureEntrance, check_finite
from edge_agent.backends.exits import ActivationExit, Exit, FindingsExit
from edge_agent.backends.part import WHOLE, Part
from modelkit.known_answer import check_known_answer
from modelkit.manifest import Manifest
from wire.errors import ModelRejectedError
from wire.headers import DEFAULT_TOP_K, WorkOrder

if TYPE_CHECKING:
    from edge_agent.backends.base import Array


class ServedModel:
    """An entrance, a loaded model and an exit.

    Raises ModelRejectedError where the model's input is not the manifest's.
    """

    def __init__(self, manifest: Manifest, model: LoadedModel, part: Part = WHOLE) -> None:
        self._manifest = manifest
        self._model = model
        self._part = part
        try:
            self._entrance: Entrance = _open_entrance(manifest, model, part)
        except ModelRejectedError:
            model.close()
            raise
        self._exit: Exit = FindingsExit(manifest, model.outputs) if part.last else ActivationExit(part.stage)

    def check(self, payload: bytes) -> None:
        """Refuse at the door what need not wait in the queue."""
        self._entrance.check(payload)

    def prepare(self, payload: bytes, order: WorkOrder) -> Prepared:
        """Make the model's input of a payload."""
        return self._entrance.prepare(payload, order)

    def infer(self, prepared: Prepared) -> Sequence[Array]:
        """Run the model."""
        return self._model.run(prepared.tensors)

    def interpret(self, prepared: Prepared, outputs: Sequence[Array], order: WorkOrder) -> Findings | Activations:
        """Make findings of the outputs, or what goes to the next stage."""
        return self._exit.interpret(prepared, outputs, order)

    def prove(self, picture: bytes | None) -> None:
        """Ask a whole model for its known answer.

        One without, or a stage, only has to run on a blank input and to put out what can be used; a cut as a whole is
        proved by the controller, over the real path.

        Raises:
            ModelRejectedError: the answer is another one.
            InvalidTensorError: the outputs do not suit the manifest, or are not finite.

        """
        picture = picture if self._part == WHOLE else None
        prepared = self._entrance.prepare_blank() if picture is None else self.prepare(picture, _ORDER)
        outputs = self.infer(prepared)
        if isinstance(self._exit, ActivationExit):
            check_finite(outputs)
            return
        answers = self._exit.read(prepared, outputs, top_k=DEFAULT_TOP_K, threshold=None)
        if picture is not None:
            check_known_answer(self._manifest, answers)

    def close(self) -> None:
        """Let go of the model."""
        self._model.close()


def _open_entrance(manifest: Manifest, model: LoadedModel, part: Part) -> Entrance:
    if part.first:
        return PictureEntrance(manifest, model.inputs, part.crop)
    if part.grid is not None:
        return GatheringEntrance(manifest, model.inputs, part)
    return ActivationEntrance(manifest, model.inputs, part.stage)


_ORDER = WorkOrder(frame="proof", digest="", itinerary=(), deadline_ms=1)

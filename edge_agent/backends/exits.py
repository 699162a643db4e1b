"""What a model's outputs become: findings, or what the next stage is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_agent.backends.base import Activations, Findings, Prepared, TensorSpec
from edge_agent.backends.entrances import check_finite
from modelkit.answers import Answers, Classification
from modelkit.answers import Detection as Box
from modelkit.manifest import Manifest
from modelkit.postprocess import interpret
from wire.headers import WorkOrder
from wire.messages import Class, Detection
from wire.precision import encode_activations

if TYPE_CHECKING:
    from edge_agent.backends.base import Array


class FindingsExit:
    """Reads outputs by the manifest."""

    def __init__(self, manifest: Manifest, outputs: Sequence[TensorSpec]) -> None:
        self._manifest = manifest
        self._quantization = [spec.quantization for spec in outputs]

    def interpret(self, prepared: Prepared, outputs: Sequence[Array], order: WorkOrder) -> Findings:
        """Make findings of the outputs."""
        answers = self.read(prepared, outputs, top_k=order.top_k, threshold=order.threshold)
        return to_findings(self._manifest, answers)

    def read(self, prepared: Prepared, outputs: Sequence[Array], *, top_k: int, threshold: float | None) -> Answers:
        """Make modelkit's answers of the outputs."""
        return interpret(
            self._manifest,
            outputs,
            prepared.placement,
            quantization=self._quantization,
            top_k=top_k,
            threshold=threshold,
        )


class ActivationExit:
    """Packs outputs for the next stage."""

    def __init__(self, stage: int) -> None:
        self._stage = stage

    def interpret(self, _prepared: Prepared, outputs: Sequence[Array], order: WorkOrder) -> Activations:
        """Code them in the precision that the itinerary says. NaN would travel on to whoever answers: it ends here."""
        check_finite(outputs)
        return Activations(encode_activations(outputs, order.itinerary[self._stage].wire))


Exit = FindingsExit | ActivationExit


def to_findings(manifest: Manifest, answers: Answers) -> Findings:
    """Turn modelkit's answers into wire's."""
    if manifest.task == "classify":
        return Findings(classes=tuple(Class(label=a.label, index=a.index, score=a.score) for a in answers))
    return Findings(
        detections=tuple(
            Detection(label=a.label, index=a.index, score=a.score, box=a.box)
            for a in answers
            if not isinstance(a, Classification)
        )
    )


def from_findings(findings: Findings) -> Answers:
    """Turn wire's answers into modelkit's."""
    if findings.classes is not None:
        return tuple(Classification(each.label, each.index, each.score) for each in findings.classes)
    return tuple(Box(each.label, each.index, each.score, each.box) for each in findings.detections or ())

"""What sending activations in fewer bytes does to a model's answers: what a controller asks, what a node measures."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from wire.ids import MAX_STAGES, Digest, Token
from wire.messages import Count, Message, NotNegative
from wire.precision import Precision

Cuts = Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=1, max_length=MAX_STAGES - 1)]


class EffectRequest(Message, frozen=True, omit_defaults=True):
    """What ``node.<node>.command.effect`` carries: one artefact, where it is cut, and how each cut is crossed."""

    model: Token
    variant: str
    digest: Digest  # of the whole artefact; the node's manifest must offer it
    at: Cuts  # rising
    wires: Annotated[tuple[Precision, ...], Meta(min_length=1, max_length=MAX_STAGES - 1)]  # one a cut
    within_s: Annotated[float, Meta(ge=1, le=600)] = 60.0  # the node gives up after so long

    def __post_init__(self) -> None:
        """Hold the fields against each other."""
        if len(self.wires) != len(self.at):
            raise ValueError(f"{len(self.wires)} precisions for {len(self.at)} cuts")


class WireEffect(Message, frozen=True, omit_defaults=True):
    """What it does, on the model's known picture and on views of it, beside the exact answers of the same shards."""

    node: Token  # that measured it
    pictures: Count
    same_first: Count  # pictures whose first answer stays the same
    matched: NotNegative  # share of a picture's answers that stay, in the mean
    score_change: NotNegative  # of an answer that stays, the greatest
    least_overlap: NotNegative  # of a box with what it was, as intersection over union; 1 where there are no boxes
    problem: str = ""  # why it must not be used, such as that the known answer is another one

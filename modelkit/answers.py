"""What a model says about a picture."""

import msgspec


class Classification(msgspec.Struct, frozen=True):
    """One class that the picture may show."""

    label: str
    index: int  # into the manifest's labels
    score: float  # 0..1


class Detection(msgspec.Struct, frozen=True):
    """One object found in the picture."""

    label: str
    index: int  # into the manifest's labels
    score: float  # 0..1
    box: tuple[float, float, float, float]  # x0, y0, x1, y1 as shares (0..1) of the original picture


Answers = tuple[Classification, ...] | tuple[Detection, ...]

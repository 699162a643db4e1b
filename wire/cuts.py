"""The identity of a cut: stages of one cut on different nodes can stand in for each other, those of two never mix."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from msgspec import Meta

from wire.errors import BadRequestError

CUT_PATTERN = r"^[0-9a-f]{16}\Z"

CutId = Annotated[str, Meta(pattern=CUT_PATTERN, description="16 digits of the SHA-256 over what is cut, and where")]


def cut_id(whole: str, at: Sequence[int], grid: tuple[int, int] | None = None) -> str:
    """Return the identity of an artefact cut before each of the operators ``at``, which rise.

    With a ``grid`` of rows and columns, what comes before the cut is divided by area into so many parts.

    Raises:
        BadRequestError: they do not rise from above 0, or there are none: a whole model has no cut.

    """
    if not at or any(one >= other for one, other in pairwise((0, *at))):
        raise BadRequestError(f"a model cannot be cut at {tuple(at)}", remedy="give operators above 0 that rise")
    facts = f"{whole}\n{','.join(map(str, at))}"
    if grid is not None:
        facts += f"\n{grid[0]}x{grid[1]}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]

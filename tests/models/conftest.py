"""Really built models: out of the library that BRAMBLE_LIBRARY names, or built once into the checkout's cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelkit.library import Library

_CACHE = Path(__file__).parents[2] / ".cache" / "library"


@pytest.fixture(scope="session")
def library() -> Library:
    return Library(Path(os.environ.get("BRAMBLE_LIBRARY") or _CACHE))

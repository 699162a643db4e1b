"""Times of day must not depend on where the tests run; the snapshot plugin keeps its folder in the environment."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

_FOLDER = "TEXTUAL_SNAPSHOT_TEMPDIR"


@pytest.fixture(scope="session")
def snapshot_folder() -> str:
    """Where pytest-textual-snapshot puts what it drew; read before the environment is scrubbed."""
    return os.environ[_FOLDER]


@pytest.fixture(autouse=True)
def _steady(snapshot_folder: str, _scrubbed_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(_FOLDER, snapshot_folder)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()

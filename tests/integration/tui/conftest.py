"""The snapshot plugin keeps its folder in the environment."""

from __future__ import annotations

import os

import pytest

_FOLDER = "TEXTUAL_SNAPSHOT_TEMPDIR"


@pytest.fixture(scope="session")
def snapshot_folder() -> str:
    """Where pytest-textual-snapshot puts what it drew; read before the environment is scrubbed."""
    return os.environ[_FOLDER]


@pytest.fixture(autouse=True)
def _kept_folder(snapshot_folder: str, _scrubbed_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_FOLDER, snapshot_folder)

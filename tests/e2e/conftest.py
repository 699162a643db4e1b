"""Clusters that real commands started, and pictures to send to them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.e2e.local_process import LocalProcess, StartLocal, start_local_process

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def simulated() -> Iterator[LocalProcess]:
    """Three simulated nodes, shared by a module's tests, which leave them as they found them."""
    local = start_local_process("--nodes", "3", "--simulated")
    yield local
    local.stop()


@pytest.fixture
def start_local() -> Iterator[StartLocal]:
    """Start clusters of the test's own."""
    started: list[LocalProcess] = []

    def begin(*arguments: str) -> LocalProcess:
        started.append(start_local_process(*arguments))
        return started[-1]

    yield begin
    for local in started:
        if local.process.poll() is None:
            local.stop()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two whole pictures, JPEG and PNG."""
    folder = tmp_path_factory.mktemp("pictures")
    ramp = np.linspace(0, 255, 320, dtype=np.uint8)
    image = Image.fromarray(np.stack([np.tile(ramp, (240, 1))] * 3, axis=2))
    image.save(folder / "ramp.jpg", quality=90)
    image.save(folder / "ramp.png")
    return folder


@pytest.fixture(scope="session")
def library_root() -> Path:
    """Where the really built models are: what BRAMBLE_LIBRARY says, else the checkout's cache, filled at first use."""
    return Path(os.environ.get("BRAMBLE_LIBRARY") or ROOT / ".cache" / "library")

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.jobs_testing.restarting_broker import RestartingBroker


@pytest.fixture
def restarting(tmp_path: Path) -> Iterator[RestartingBroker]:
    broker = RestartingBroker(tmp_path / "broker")
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def picture() -> Callable[[int], bytes]:
    """Make small JPEGs, another for each number."""

    def make(number: int) -> bytes:
        out = io.BytesIO()
        Image.new("RGB", (16 + number, 16), (number % 256, 40, 90)).save(out, "JPEG")
        return out.getvalue()

    return make

"""Pictures that every camera test needs, made once."""

from __future__ import annotations

import pytest

from tests.cameras_testing.clip import H264Clip, make_h264, make_jpegs


@pytest.fixture(scope="session")
def clip() -> H264Clip:
    return make_h264()


@pytest.fixture(scope="session")
def jpegs() -> list[bytes]:
    return make_jpegs()

"""USB devices before FFmpeg sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cameras.errors import FaultKind, SourceFaultError
from controller.cameras.source import parse_source
from controller.cameras.sources.usb import check_device


def test_a_missing_device_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "video2").touch()
    with pytest.raises(SourceFaultError) as caught:
        check_device(parse_source("usb:917"), tmp_path)
    assert caught.value.fault.kind is FaultKind.NOT_FOUND
    assert f"there are {tmp_path}/video2" in caught.value.fault.remedy


def test_a_machine_without_any_video_device_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceFaultError) as caught:
        check_device(parse_source("usb:917"), tmp_path)
    assert "no video device is there at all" in caught.value.fault.remedy


def test_a_readable_device_passes_the_check(tmp_path: Path) -> None:
    check_device(parse_source("usb:/dev/null"), tmp_path)

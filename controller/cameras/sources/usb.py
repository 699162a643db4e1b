"""USB cameras, through the kernel's Video4Linux2."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from controller.cameras.errors import Fault, FaultKind, SourceFaultError
from controller.cameras.source import Source
from controller.cameras.sources.video import VideoFeed, open_container
from controller.cameras.spec import ReaderSpec


def open_usb(spec: ReaderSpec) -> VideoFeed:
    """Open the device, as MJPEG where it offers that: compressed over USB, and passed on byte for byte.

    Raises:
        SourceFaultError: when it is missing, not ours to read, busy, or no camera.

    """
    source = spec.source
    check_device(source, Path("/dev"))
    options: dict[str, str] = {"protocol_whitelist": "file"}
    if source.width and source.height:
        options["video_size"] = f"{source.width}x{source.height}"
    if source.fps:
        options["framerate"] = f"{source.fps:g}"
    try:
        container = open_container(
            source,
            source.target,
            timeout=spec.io_timeout,
            options={**options, "input_format": "mjpeg"},
            container_format="v4l2",
        )
    except SourceFaultError:
        # Not every camera compresses; the second error, if any, is the one that tells.
        container = open_container(
            source, source.target, timeout=spec.io_timeout, options=options, container_format="v4l2"
        )
    return VideoFeed(source, container, live=True)


def check_device(source: Source, devices: Path) -> None:
    """Say clearly what FFmpeg would say obscurely. ``devices`` is where video devices are listed from.

    Raises:
        SourceFaultError: when the device is missing, no character device, or not readable.

    """
    device = Path(source.target)
    try:
        mode = device.stat().st_mode
    except OSError:
        there = sorted(str(path) for path in devices.glob("video*"))
        found = f"there are {', '.join(there)}" if there else "no video device is there at all"
        remedy = f"plug the camera in, look with `v4l2-ctl --list-devices`; {found}"
        raise SourceFaultError(Fault(FaultKind.NOT_FOUND, f"there is no device {device}", remedy)) from None
    if not stat.S_ISCHR(mode):
        raise SourceFaultError(
            Fault(FaultKind.UNSUPPORTED, f"{device} is not a device", "use file:// for a file, dir:// for a directory")
        )
    if not os.access(device, os.R_OK | os.W_OK):
        remedy = "add the controller's user to the group video (`usermod -aG video USER`), then restart it"
        raise SourceFaultError(Fault(FaultKind.NO_PERMISSION, f"the controller may not open {device}", remedy))

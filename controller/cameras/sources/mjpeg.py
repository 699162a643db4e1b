"""MJPEG over HTTP (multipart/x-mixed-replace): the camera's JPEGs are passed on byte for byte."""

from __future__ import annotations

from controller.cameras.sources.network import check_host
from controller.cameras.sources.video import VideoFeed, open_container
from controller.cameras.spec import ReaderSpec


def open_mjpeg(spec: ReaderSpec) -> VideoFeed:
    """Connect and find the first picture.

    Raises:
        SourceFaultError: when that fails.

    """
    check_host(spec.source)
    options = {
        "timeout": str(int(spec.io_timeout * 1_000_000)),
        "protocol_whitelist": "http,https,tcp,tls",
        "format_whitelist": "mpjpeg,mjpeg",
        # A camera that restarts is reported, and met again by the supervisor; FFmpeg is not to hide it.
        "reconnect": "0",
        "analyzeduration": "1",
    }
    container = open_container(spec.source, spec.source.target, timeout=spec.io_timeout, options=options)
    return VideoFeed(spec.source, container, live=True)

"""RTSP cameras, RTP interleaved in the TCP connection (RFC 2326, 10.12): nothing is lost, no port to open."""

from __future__ import annotations

from controller.cameras.sources.network import check_host
from controller.cameras.sources.video import VideoFeed, open_container
from controller.cameras.spec import ReaderSpec


def open_rtsp(spec: ReaderSpec) -> VideoFeed:
    """Connect, log in and start the stream.

    Raises:
        SourceFaultError: when one of them fails.

    """
    check_host(spec.source)
    options = {
        "rtsp_transport": "tcp",
        "allowed_media_types": "video",
        # The SDP and the first packets say enough; the default analyses five seconds of video first.
        "analyzeduration": "1",
        # Of the socket, in microseconds; "rw_timeout" and "stimeout" are ignored for RTSP.
        "timeout": str(int(spec.io_timeout * 1_000_000)),
        "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls,udp",
        "format_whitelist": "rtsp",
    }
    container = open_container(spec.source, spec.source.target, timeout=spec.io_timeout, options=options)
    return VideoFeed(spec.source, container, live=True)

"""A video file, at its own pace or a chosen one, once or in a loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from controller.cameras.errors import BadPictureError, SourceFaultError
from controller.cameras.faults import no_video_fault
from controller.cameras.sources.feed import Shot
from controller.cameras.sources.video import VideoFeed, open_container
from controller.cameras.spec import ReaderSpec

# A file is hostile until checked: only containers that cannot name other files or hosts, and no protocol but files.
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,h264,hevc,flv,ogg,mjpeg,ivf",
}
_DEFAULT_FPS = 25.0


class FileFeed:
    """A clip; in a loop its time goes on."""

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec
        self._feed = self._open()
        self.opened = self._feed.opened

    def shots(self) -> Iterator[Shot]:
        """The clip's shots, with times that go on over loops."""
        period = 1.0 / (self._spec.source.fps or self.opened.fps or _DEFAULT_FPS)
        own_pace = self._spec.source.fps is None
        offset, last = 0.0, -period
        while True:
            first: float | None = None
            pictures = 0
            for shot in self._feed.shots():
                if shot.picture is None or isinstance(shot.picture, BadPictureError):
                    yield replace(shot, at=None)
                    continue
                pictures += 1
                at = last + period
                if own_pace and shot.at is not None:
                    first = shot.at if first is None else first
                    at = max(last, offset + shot.at - first)
                last = at
                yield replace(shot, at=at)
            if not pictures:
                raise SourceFaultError(no_video_fault(self._spec.source))
            if not self._spec.source.loop:
                return
            offset = last + period
            self._feed.close()
            self._feed = self._open()

    def close(self) -> None:
        """Close the file."""
        self._feed.close()

    def _open(self) -> VideoFeed:
        source = self._spec.source
        container = open_container(
            source, f"file:{source.target}", timeout=self._spec.io_timeout, options=dict(_OPTIONS)
        )
        return VideoFeed(source, container, live=False)

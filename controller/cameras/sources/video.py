"""What FFmpeg decodes: an open container as shots. Shared by the sources that need FFmpeg."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction

import av
import av.error
import numpy as np
import numpy.typing as npt
import simplejpeg
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from controller.cameras.errors import BadPictureError, SourceFaultError
from controller.cameras.faults import closed_fault, explain_error, no_video_fault
from controller.cameras.framing import Opened
from controller.cameras.motion import GATE_HEIGHT, GATE_WIDTH, Gray
from controller.cameras.pictures import JPEG_QUALITY, MAX_PIXELS, Encoded, JpegPicture, check_size, fit_width
from controller.cameras.source import Source
from controller.cameras.sources.feed import Shot


class Scalers:
    """swscale contexts, kept because setting one up costs more than a picture; one for each thread that scales."""

    def __init__(self) -> None:
        self.gray = VideoReformatter()  # used by the capture thread
        self.jpeg = VideoReformatter()  # used by the sending thread


class VideoPicture:
    """A decoded picture, still in FFmpeg's memory."""

    def __init__(self, frame: VideoFrame, scalers: Scalers) -> None:
        check_size(frame.width, frame.height)
        self._frame = frame
        self._scalers = scalers

    def gray(self) -> Gray:
        """Averaged down by swscale."""
        scaled = self._scalers.gray.reformat(
            self._frame, GATE_WIDTH, GATE_HEIGHT, "gray", interpolation=Interpolation.FAST_BILINEAR, threads=1
        )
        return _plane(scaled, 0).copy()

    def encode(self, max_width: int | None) -> Encoded:
        """Scaled first, then encoded from its YUV planes: no way through RGB, which costs half as much again."""
        width, height = fit_width(self._frame.width, self._frame.height, max_width)
        # JFIF means full range and the colours of BT.601, whatever the video had.
        scaled = self._scalers.jpeg.reformat(
            self._frame,
            width,
            height,
            "yuvj420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.AREA if width < self._frame.width else None,
            threads=1,
        )
        planes = [np.ascontiguousarray(_plane(scaled, index)) for index in range(3)]
        return Encoded(simplejpeg.encode_jpeg_yuv_planes(*planes, JPEG_QUALITY), width, height)


def open_container(
    source: Source, target: str, *, timeout: float, options: dict[str, str], container_format: str | None = None
) -> InputContainer:
    """Open with FFmpeg.

    Args:
        source: whose container it is, for the error's words.
        target: URL, path or device.
        timeout: seconds for the opening and for each read; without one, every stall would last for ever.
        options: FFmpeg's.
        container_format: FFmpeg's name of the demuxer; None: guessed within the options' whitelist.

    Raises:
        SourceFaultError: with FFmpeg's reason in words.

    """
    try:
        container = av.open(target, "r", container_format, options, timeout=(timeout, timeout))
    except av.error.FFmpegError as error:
        # "from None": FFmpeg's text holds the URL with its password.
        raise SourceFaultError(explain_error(error, source, "opening")) from None
    return container


class VideoFeed:
    """The first video stream of an open container."""

    def __init__(self, source: Source, container: InputContainer, *, live: bool) -> None:
        self._source = source
        self._container = container
        self._live = live
        self._scalers = Scalers()
        if not container.streams.video:
            container.close()
            raise SourceFaultError(no_video_fault(source))
        self._stream: VideoStream = container.streams.video[0]
        codec = self._stream.codec_context
        codec.thread_count = 1  # frame threading adds a frame of delay for each thread
        codec.options = {"max_pixels": str(MAX_PIXELS)}
        if source.keyframes:
            codec.skip_frame = "NONKEY"
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.opened = Opened(codec.name, codec.width, codec.height, float(rate) if rate else 0.0)
        self._passes_jpegs = codec.name == "mjpeg"

    def shots(self) -> Iterator[Shot]:
        """A shot for each picture; times are the recording's own unless the source is live."""
        try:
            for packet in self._container.demux(self._stream):
                captured_at = time.time()
                if self._passes_jpegs:
                    if packet.size:
                        at = self._time_of(packet.pts, packet.time_base)
                        picture = _pass_jpeg(bytes(packet), corrupt=packet.is_corrupt)
                        yield Shot(captured_at, picture, at)
                    continue
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    yield Shot(captured_at, BadPictureError("the video decoder met invalid data"))
                    continue
                if not frames:
                    yield Shot(captured_at, None)
                for frame in frames:
                    yield Shot(captured_at, self._check(frame), self._time_of(frame.pts, frame.time_base))
        except av.error.EOFError:
            pass  # the end of a recording; a live source is judged below
        except av.error.FFmpegError as error:
            raise SourceFaultError(explain_error(error, self._source, "reading")) from None
        if self._live:
            raise SourceFaultError(closed_fault(self._source))

    def close(self) -> None:
        """Close the container."""
        self._container.close()

    def _check(self, frame: VideoFrame) -> VideoPicture | BadPictureError:
        if frame.is_corrupt:
            return BadPictureError("the video decoder met a damaged picture")
        try:
            return VideoPicture(frame, self._scalers)
        except BadPictureError as error:
            return error

    def _time_of(self, pts: int | None, time_base: Fraction | None) -> float | None:
        if self._live or pts is None or time_base is None:
            return None
        return float(pts * time_base)


def _pass_jpeg(jpeg: bytes, *, corrupt: bool) -> JpegPicture | BadPictureError:
    if corrupt:
        return BadPictureError(f"a JPEG of {len(jpeg)} bytes was cut off on its way")
    try:
        return JpegPicture(jpeg)
    except BadPictureError as error:
        return error


def _plane(frame: VideoFrame, index: int) -> npt.NDArray[np.uint8]:
    plane = frame.planes[index]
    levels: npt.NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8)
    return levels.reshape(-1, plane.line_size)[: plane.height, : plane.width]

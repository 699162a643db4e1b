"""Clips for tests, made with the real encoder: a square, a disc and a readable frame counter."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import simplejpeg

from controller.cameras.sources.synthetic import COUNTER_BITS, draw_background, draw_frame


@dataclass(frozen=True)
class H264Clip:
    """An H.264 stream without B-frames, as a camera sends it."""

    access_units: tuple[bytes, ...]  # Annex B, one picture each
    fps: int
    width: int
    height: int

    @property
    def parameter_sets(self) -> tuple[bytes, ...]:
        """SPS and PPS, for the SDP."""
        return tuple(nal for nal in split_annex_b(self.access_units[0]) if nal[0] & 0x1F in {7, 8})


def split_annex_b(data: bytes) -> list[bytes]:
    """NAL units between start codes."""
    parts = data.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [part for part in parts if part]


def draw_frames(width: int, height: int, fps: int, count: int) -> list[npt.NDArray[np.uint8]]:
    background = draw_background(width, height)
    return [draw_frame(background, number, fps) for number in range(count)]


def make_h264(*, width: int = 320, height: int = 180, fps: int = 25, seconds: int = 4, key_every: int = 25) -> H264Clip:
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, fps), Fraction(fps)
    codec.options = {"preset": "ultrafast", "tune": "zerolatency", "bf": "0", "g": str(key_every), "sc_threshold": "0"}
    units: list[bytes] = []
    for number, rgb in enumerate(draw_frames(width, height, fps, fps * seconds)):
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
        frame.pts, frame.time_base = number, codec.time_base
        units += [bytes(packet) for packet in codec.encode(frame)]
    units += [bytes(packet) for packet in codec.encode(None)]
    return H264Clip(tuple(units), fps, width, height)


def write_mp4(path: Path, *, width: int = 320, height: int = 180, fps: int = 25, count: int = 50) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast"}
        for rgb in draw_frames(width, height, fps, count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        container.mux(stream.encode(None))
    return path


def make_jpegs(*, width: int = 320, height: int = 180, count: int = 20) -> list[bytes]:
    return [simplejpeg.encode_jpeg(rgb, 85, "RGB", "420") for rgb in draw_frames(width, height, 10, count)]


def read_counter(jpeg: bytes) -> int:
    """The frame number that ``draw_frame`` painted at the top left."""
    gray = simplejpeg.decode_jpeg(jpeg, "GRAY")[:, :, 0]
    cell = max(1, gray.shape[1] // 32)
    value = 0
    for bit in range(COUNTER_BITS):
        middle = gray[cell // 2 : cell + cell // 2, bit * cell + cell // 4 : (bit + 1) * cell - cell // 4]
        value = value << 1 | int(middle.mean() > 128)
    return value

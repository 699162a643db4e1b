"""Test cameras in a process of their own: ``python -m benchmarks.camera_server KIND COUNT``, KIND is rtsp or mjpeg.

Writes their URLs as a line of JSON and plays until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack

from tests.cameras_testing.clip import make_h264, make_jpegs
from tests.cameras_testing.mjpeg_camera import MjpegCamera
from tests.cameras_testing.rtsp_camera import RtspCamera

WIDTH, HEIGHT = 1280, 720
FPS = 10
SECONDS = 4


async def serve(kind: str, count: int) -> None:
    """Play to whoever asks."""
    async with AsyncExitStack() as stack:
        cameras: list[RtspCamera | MjpegCamera]
        if kind == "rtsp":
            clip = make_h264(width=WIDTH, height=HEIGHT, fps=FPS, seconds=SECONDS, key_every=2 * FPS)
            cameras = [RtspCamera(clip) for _ in range(count)]
        else:
            jpegs = make_jpegs(width=WIDTH, height=HEIGHT, count=FPS * SECONDS)
            cameras = [MjpegCamera(jpegs, fps=FPS) for _ in range(count)]
        for camera in cameras:
            await stack.enter_async_context(camera)
        print(json.dumps([camera.url for camera in cameras]), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))

"""The C library's heap. What a program frees in it stays with the program, so that one which was busy seems to grow.

Payloads of frames live there, of all sizes, and what is free between those that stay is given back only when asked for.
"""

from __future__ import annotations

import asyncio
import ctypes

EVERY_S = 60.0


def trim_heap() -> None:
    """Give free pages back to the kernel; takes some milliseconds. Does nothing where the C library cannot (musl)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


async def trim_regularly() -> None:
    """Do so every minute, for ever."""
    while True:
        await asyncio.sleep(EVERY_S)
        await asyncio.to_thread(trim_heap)

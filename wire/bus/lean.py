"""Keeps aiohttp out: nats-py imports it for web sockets wherever it is installed, and nothing here speaks them.

Where the dashboard can be shown in a browser it is installed, and an agent's start took twice the CPU time for it.
"""

from __future__ import annotations

import importlib
import sys


def import_nats() -> None:
    """Import nats-py as where aiohttp is missing. Whoever else wants aiohttp gets it, before or after."""
    if "aiohttp" in sys.modules:
        return
    sys.modules["aiohttp"] = None  # type: ignore[assignment]  # Python's own way to say that there is none
    try:
        importlib.import_module("nats.aio.transport")
    finally:
        del sys.modules["aiohttp"]

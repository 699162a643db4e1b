"""A real headless Chromium, driven over its DevTools protocol: https://chromedevtools.github.io/devtools-protocol/"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

START_S = 60.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
)  # fmt: skip


class Page:
    """A browser's page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=START_S)
            if message.get("id") == number:
                assert "error" not in message, message
                found: dict[str, Any] = message["result"]
                return found

    async def evaluate(self, script: str) -> Any:
        """Return the value of an expression; promises are awaited."""
        done = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return done["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait, frame by frame, until an expression is true."""
        wait = f"new Promise(done => {{ const look = () => ({script}) ? done(true) : setTimeout(look, 50); look() }})"
        async with asyncio.timeout(START_S):
            await self.evaluate(wait)

    async def press(self, key: str) -> None:
        """Press and release a key that writes a letter."""
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)


@asynccontextmanager
async def open_page(address: str, folder: Path) -> AsyncIterator[Page]:
    """Open an address in a browser of its own; skips where there is no Chromium."""
    command = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if command is None:
        pytest.skip("no Chromium is here: `apt-get install chromium`")
    arguments = [command, *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
    process = await asyncio.to_thread(subprocess.Popen, arguments, stderr=subprocess.PIPE, text=True)
    try:
        port = await asyncio.to_thread(_read_port, process)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as reply:
                targets = json.loads(await reply.text())
            target = next(each for each in targets if each["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                await page.call("Page.navigate", url=address)
                yield page
    finally:
        process.terminate()
        process.communicate(timeout=START_S)


def _read_port(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if "DevTools listening on ws://" in line:
            return line.split("127.0.0.1:")[1].split("/")[0]
    pytest.fail("Chromium ended before it listened")

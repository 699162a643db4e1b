"""The dashboard in a browser: a real one, and requests that no browser would send."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest

from tests.e2e.local_process import await_end, bramble
from tests.tui_testing.browser import open_page

pytestmark = pytest.mark.e2e


class Served:
    """A `bramble top --web` that runs."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            bramble("top", "--web", "--demo"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address, self.process.communicate(timeout=30)[1]
        self.root = self.address.partition("?")[0]

    def sessions(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served()
    yield server
    server.process.kill()
    server.process.communicate(timeout=30)


async def test_a_real_browser_shows_the_dashboard_and_types_into_it(served: Served, tmp_path: Path) -> None:
    async with open_page(served.address, tmp_path) as page:
        await page.until("document.body.classList.contains('-first-byte')")
        await page.until("document.querySelector('.textual-terminal .xterm-screen') !== null")
        assert await page.evaluate("location.search") == "", "the token must not stay in the address"
        assert "bramble_top" not in await page.evaluate("document.cookie"), "no script may read the token"
        assert len(served.sessions()) == 1
        await page.evaluate("document.querySelector('.xterm-helper-textarea').focus()")
        await page.press("q")
        await page.until("document.body.classList.contains('-closed')")
    assert await_end(served.sessions()) == []


async def test_no_request_without_the_token_gets_past_the_door(served: Served) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("", "ws", "static/js/textual.js", "download/x", "?token=wrong", "?token="):
            async with session.get(served.root + path) as reply:
                assert reply.status == 403, path
                assert "--web" in await reply.text()


async def test_the_token_opens_the_page_but_not_for_a_script_of_another_site(served: Served) -> None:
    jar = aiohttp.CookieJar(unsafe=True)  # which is aiohttp's word for cookies of IP addresses
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(served.address) as reply:
            assert reply.status == 200
            assert "default-src 'self'" in reply.headers["Content-Security-Policy"]
        async with session.get(served.root + "ws", headers={"Origin": "https://elsewhere.example"}) as reply:
            assert reply.status == 403


async def test_the_server_listens_on_the_loopback_only(served: Served) -> None:
    ports = {each.laddr for each in psutil.Process(served.process.pid).net_connections() if each.status == "LISTEN"}
    assert {("127.0.0.1", urlsplit(served.address).port)} == ports


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_no_session_outlives_the_server(served: Served, number: int) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(served.address):
            pass
        async with session.ws_connect(served.root + "ws?width=80&height=24") as socket:
            assert (await socket.receive(timeout=30)).type is aiohttp.WSMsgType.BINARY
            sessions = served.sessions()
            assert len(sessions) == 1
            served.process.send_signal(number)
            assert await_end(sessions) == []
    assert served.process.wait(timeout=30) == (-number if number == signal.SIGKILL else 0)

"""The dashboard in a browser: textual-serve, behind a token, on this machine only.

Every browser tab runs the command once more, as a process of its own. They end with their tab and with the server.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web
from textual_serve.server import Server

HOST = "127.0.0.1"
STOP_S = 5.0
COOKIE = "bramble_top"

# textual-serve's page would fetch a font from elsewhere; a dashboard's viewers are nobody else's business.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
_REFUSAL = "This dashboard needs its token: open the address that `bramble top --web` printed.\n"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TokenServer(Server):
    """textual-serve for whoever holds the token, which comes once in the address and then in a cookie."""

    def __init__(self, command: str, *, port: int, token: str) -> None:
        super().__init__(command, host=HOST, port=port, title="bramble top", public_url=f"http://{HOST}:{port}")
        self._token = token
        self._sessions: set[asyncio.Task[object]] = set()

    async def make_app(self) -> web.Application:
        """Return textual-serve's web application with the guard in front of it."""
        app: web.Application = await self._make_app()
        app.middlewares.append(self._guard)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: the caller prints the address."""

    async def on_shutdown(self, app: web.Application) -> None:  # noqa: ARG002 - textual-serve's signature
        """End the sessions, and with them their processes."""
        for session in self._sessions:
            session.cancel()
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=STOP_S)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run a session; remembered, so that it can be ended."""
        session = asyncio.current_task()
        if session is None:
            raise web.HTTPInternalServerError
        self._sessions.add(session)
        try:
            response: web.WebSocketResponse = await super().handle_websocket(request)
        finally:
            self._sessions.discard(session)
        return response

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if self._is_known(request.query.get("token", "")):
            entrance = web.HTTPFound("/", headers=_HEADERS)
            entrance.set_cookie(COOKIE, self._token, httponly=True, samesite="Strict", path="/")
            raise entrance
        origin = request.headers.get("Origin")
        if not self._is_known(request.cookies.get(COOKIE, "")) or origin not in (None, self.public_url):
            return web.Response(status=403, text=_REFUSAL, headers=_HEADERS)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    def _is_known(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())


def serve(command: str, *, port: int, announce: Callable[[str], None]) -> None:
    """Serve a command's Textual app until SIGINT or SIGTERM.

    Args:
        command: for the shell; it runs once for each browser tab.
        port: TCP port on the loopback address; 0 takes a free one.
        announce: called once, with the address to open.

    Raises:
        OSError: the port is taken.

    """
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # its lines would hold the token
    asyncio.run(_serve(command, port=port, announce=announce))


async def _serve(command: str, *, port: int, announce: Callable[[str], None]) -> None:
    with socket.create_server((HOST, port)) as listening:
        taken = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        # `exec`: without it the shell would stand between us and the app, and the app would outlive us.
        server = TokenServer(f"exec {command}", port=taken, token=token)
        runner = web.AppRunner(await server.make_app(), access_log=None, shutdown_timeout=STOP_S)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            announce(f"{server.public_url}/?token={token}")
            await _await_end()
        finally:
            await runner.cleanup()


async def _await_end() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()

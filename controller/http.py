"""``/metrics``, ``/healthz`` and ``/readyz``, on a thread of their own so that a busy loop still shows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

Check = Callable[[], str]
"""Returns what is wrong, or nothing."""


class _QuietHandler(WSGIRequestHandler):
    timeout = 5  # seconds; a client that stalls does not hold its thread for ever

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Scrapes are not news."""


class HttpServer:
    """Serves until :meth:`close`."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, *, health: Check, readiness: Check) -> None:
        self._metrics = make_wsgi_app(registry)
        self._checks = {"/healthz": health, "/readyz": readiness}
        self._server = make_server(host, port, self._answer, ThreadingWSGIServer, _QuietHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where ``/metrics`` is."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/metrics"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = self._metrics(environ, start)
            return answer
        check = self._checks.get(path)
        if check is None:
            start("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"there are /metrics, /healthz and /readyz\n"]
        problem = check()
        start("503 Service Unavailable" if problem else "200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [(problem or "ok").encode() + b"\n"]

"""An OTLP/HTTP collector: takes traces in the real protocol and keeps them."""

from __future__ import annotations

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver:
    """An OTLP/HTTP collector that keeps what it gets."""

    def __init__(self) -> None:
        self.got: queue.Queue[ExportTraceServiceRequest] = queue.Queue()
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got.put(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        threading.Thread(target=self._server.serve_forever, name="otlp", daemon=True).start()

    def wait_for(self, name: str, *, within: float) -> list[Any]:
        """Return the spans of the first trace that has one of this name."""
        seen: list[Any] = []
        while True:
            request = self.got.get(timeout=within)
            seen += [s for group in request.resource_spans for scope in group.scope_spans for s in scope.spans]
            traces = {span.trace_id for span in seen if span.name == name}
            if traces:
                return [span for span in seen if span.trace_id in traces]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def spans(self) -> list[tuple[dict[str, str], Any]]:
        """Return resource and span of everything that has come so far."""
        found = []
        while not self.got.empty():
            for group in self.got.get().resource_spans:
                resource = {each.key: each.value.string_value for each in group.resource.attributes}
                found += [(resource, span) for scope in group.scope_spans for span in scope.spans]
        return found

"""Takes what the notifier posts, as its operator's webhook does, and prints it, a notice a line.

python -m tests.hosts.catch_notices 8099
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

MAX_BYTES = 1 << 20


class Catcher(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length", 0)), MAX_BYTES)
        print(self.rfile.read(length).decode().replace("\n", " "), flush=True)  # noqa: T201 - the answer
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = HTTPServer(("", int(sys.argv[1])), Catcher)
    print("listening", flush=True)  # noqa: T201 - the answer
    server.serve_forever()

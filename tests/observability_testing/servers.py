"""Real Prometheus and Alertmanager servers on free ports, and a webhook that hears the alerts."""

from __future__ import annotations

import json
import queue
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

READY_S = 30.0
STOP_S = 10.0
POLL_S = 0.05
_LISTENING = re.compile(r'msg="Listening on".* address=\S*?:(\d+)')


def find_server(name: str) -> str:
    """Return the path of a server from Debian's package of that name."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install prometheus prometheus-alertmanager (CI has them)")
    return found


class Webhook:
    """Takes Alertmanager's notices."""

    def __init__(self) -> None:
        heard: queue.Queue[dict[str, Any]] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in body["alerts"]:
                    heard.put(alert)
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                """Say nothing."""

        self._heard = heard
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, name="webhook", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, name: str, status: str, *, within: float, **labels: str) -> dict[str, Any]:
        """Return the alert once it is told; others are passed over."""
        end = time.monotonic() + within
        passed = []
        while (left := end - time.monotonic()) > 0:
            try:
                alert = self._heard.get(timeout=left)
            except queue.Empty:
                break
            said = alert["labels"]
            if (said["alertname"], alert["status"]) == (name, status) and labels.items() <= said.items():
                return alert
            passed.append(f"{said['alertname']} {alert['status']}")
        pytest.fail(f"{name} was not {status} within {within:g} s; heard were {passed}")


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[int]:
    """Run a server until the end of the ``with``; gives the port that it says it listens on."""
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, cwd=log.parent)
    try:
        yield _wait_for_port(process, log)
    finally:
        process.terminate()
        process.wait(STOP_S)


def _wait_for_port(process: subprocess.Popen[bytes], log: Path) -> int:
    end = time.monotonic() + READY_S
    while time.monotonic() < end and process.poll() is None:
        if found := _LISTENING.search(log.read_text("utf-8", "replace")):
            return int(found[1])
        time.sleep(POLL_S)  # for a log line, bounded
    pytest.fail(f"the server did not start: {log.read_text('utf-8', 'replace')[-2000:]}")


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def wait_until_ready(self) -> None:
        """Wait until it answers queries: it listens before it has opened its store."""
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            try:
                with urlopen(f"{self.url}/-/ready", timeout=10):  # noqa: S310 - loopback
                    return
            except HTTPError as error:
                error.close()
                time.sleep(POLL_S)
        pytest.fail(f"Prometheus was not ready within {READY_S:g} s")

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the ``data`` of an answer of its API."""
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as reply:  # noqa: S310 - loopback
            body = json.load(reply)
        assert body["status"] == "success", body
        return body["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return an instant query's series."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def wait_for(self, expression: str, *, within: float) -> list[dict[str, Any]]:
        """Return a query's series once there are any."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            if found := self.query(expression):
                return found
            time.sleep(0.25)  # a scrape comes once a second
        pytest.fail(f"{expression} gave nothing within {within:g} s")


@contextmanager
def run_alertmanager(directory: Path, webhook: str) -> Iterator[int]:
    config = directory / "alertmanager.json"  # JSON is YAML
    route = {"receiver": "operator", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    receiver = {"name": "operator", "webhook_configs": [{"url": webhook, "send_resolved": True}]}
    config.write_text(json.dumps({"route": route, "receivers": [receiver]}))
    command = [find_server("prometheus-alertmanager"), f"--config.file={config}", "--web.listen-address=127.0.0.1:0"]
    command += [f"--storage.path={directory / 'alertmanager'}", "--cluster.listen-address="]
    with running(command, directory / "alertmanager.log") as port:
        yield port


@contextmanager
def run_prometheus(directory: Path, rules: Path, target: str, alertmanager: int) -> Iterator[Prometheus]:
    """Scrape and evaluate once a second; alerts fire after a second instead of their usual patience."""
    hurried = directory / "rules.yml"
    hurried.write_text(re.sub(r"for: \S+", "for: 1s", rules.read_text("utf-8")), "utf-8")
    config = directory / "prometheus.json"
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(hurried)],
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
                "scrape_configs": [{"job_name": "bramble", "static_configs": [{"targets": [target]}]}],
            }
        )
    )
    command = [find_server("prometheus"), f"--config.file={config}", "--web.listen-address=127.0.0.1:0"]
    command += [f"--storage.tsdb.path={directory / 'prometheus'}", "--enable-feature=exemplar-storage"]
    with running(command, directory / "prometheus.log") as port:
        prometheus = Prometheus(port)
        prometheus.wait_until_ready()
        yield prometheus

"""What a real server shows of itself: plain, and over TLS."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from cli.doctor import broker as judgement
from cli.local.broker import Broker
from wire.bus import Bus
from wire.bus.survey import survey_server
from wire.context import Context
from wire.findings import Severity

START_S = 10.0


@contextmanager
def run_server(directory: Path, config: str) -> Iterator[dict[str, list[str]]]:
    """Run a nats-server with this configuration; gives the addresses that it listens on."""
    file = directory / "server.conf"
    file.write_text(f'ports_file_dir: "{directory}"\nhost: 127.0.0.1\nport: -1\n{config}')
    server = Path(sys.executable).parent / "nats-server"
    process = subprocess.Popen([server, "--config", file], stderr=subprocess.DEVNULL)
    ports = directory / f"nats-server_{process.pid}.ports"
    try:
        end = time.monotonic() + START_S
        while not ports.exists() or not ports.read_text().strip().endswith("}"):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)  # for a file, bounded
        yield json.loads(ports.read_text())
    finally:
        process.terminate()
        process.wait(START_S)


def make_certificate(directory: Path, *, days: int) -> tuple[Path, Path]:
    """Return the paths of a key and of its self-signed certificate for loopback."""
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", str(days), "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30)
    return key, certificate


async def test_a_server_tells_its_version_limits_and_stores(broker: Broker) -> None:
    async with Bus.connect(broker.context, name="test") as bus:
        await bus.bucket("config")
        found = await survey_server(bus.control)

    assert re.fullmatch(r"\d+\.\d+\.\d+", found.version)
    assert found.max_payload == 8 << 20
    assert found.disk is not None
    assert found.disk.limit is None
    assert (found.encrypted, found.certificate_ends) == (False, None)


async def test_a_server_without_jetstream_is_found(tmp_path: Path) -> None:
    with run_server(tmp_path, "") as listens:
        async with Bus.connect(Context(url=listens["nats"][0]), name="test") as bus:
            found = await survey_server(bus.control)

    assert (found.disk, found.memory) == (None, None)


async def test_the_end_of_the_servers_certificate_is_read(tmp_path: Path) -> None:
    key, certificate = make_certificate(tmp_path, days=10)
    with run_server(tmp_path, f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}') as listens:
        url = listens["nats"][0].replace("nats://", "tls://")
        async with Bus.connect(Context(url=url, ca=str(certificate)), name="test") as bus:
            found = await survey_server(bus.control)

    assert found.encrypted
    assert found.certificate_ends is not None
    assert 9.9 * 86400 < found.certificate_ends - time.time() <= 10 * 86400


def test_the_real_monitoring_page_tells_safe_settings_from_the_servers_defaults(tmp_path: Path) -> None:
    safe, default = tmp_path / "safe", tmp_path / "default"
    settings = {
        safe: f'ping_interval: "1s"\njetstream {{ store_dir: "{safe}/js", sync_interval: always, max_file: 1GB }}',
        default: f'jetstream {{ store_dir: "{default}/js", max_file: 1GB }}',
    }
    judged = {}
    for directory, config in settings.items():
        directory.mkdir()
        with (
            run_server(directory, f'http: "127.0.0.1:-1"\n{config}') as listens,
            urlopen(f"{listens['monitoring'][0]}/varz", timeout=10) as reply,  # noqa: S310 - loopback
        ):
            page = judgement.read_varz(reply.read())
        judged[directory] = {f.check for f in judgement.judge_settings(page) if f.severity is not Severity.WELL}

    assert judged == {safe: set(), default: {"ping_interval", "sync_interval"}}

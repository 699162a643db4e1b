"""What a real server shows of itself: plain, and over TLS."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

from cli.doctor import broker as judgement
from cli.local.broker import Broker
from cli.local.trust import make_trust
from tests.testing.configured_server import run_server
from wire.bus import Bus, Link
from wire.bus.survey import survey_server
from wire.context import Context
from wire.findings import Severity


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


async def test_the_server_of_a_local_cluster_says_itself_that_what_it_acknowledges_is_on_the_disk(
    tmp_path: Path,
) -> None:
    """All streams of a server share its one file system and this one setting: config, jobs and audit among them."""
    authority, trust = make_trust(tmp_path / "access", tmp_path / "broker", secure=False)
    broker = Broker.start(tmp_path / "broker", trust=trust)
    try:
        claim, pair = authority.system_user()
        link = await Link.open(
            Context(url=broker.context.url, user_jwt=claim, user_seed=pair.reveal_seed()), name="test"
        )
        try:
            answer = await link.request("$SYS.REQ.SERVER.PING.JSZ", b'{"config": true}', within=5.0)
        finally:
            await link.close()
    finally:
        broker.stop()

    assert json.loads(answer.data)["data"]["config"]["sync_always"] is True

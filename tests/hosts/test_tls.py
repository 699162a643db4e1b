"""Three booted nodes with a server each: what goes between them is encrypted, and strangers stay out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.access.certificates import create_ca
from tests.hosts.conftest import MORE_SERVERS, NODES, PYTHON, ROOT, Bed, Play, build_bundles, node_address, wait_for
from tests.hosts.observed import read_record

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(900)]

SERVERS = ("--inventory", str(ROOT / "tests/hosts/three_servers.yml"))
CLIENTS, ROUTES = 4222, 6222
CONTROL_HOST = "10.77.0.1"
READ_MONITOR = """python3 -c 'import ssl, urllib.request as url
tls = ssl.create_default_context(cafile="/etc/bramble/ca.pem")
print(url.urlopen("https://127.0.0.1:8222/varz", context=tls).status)
try: url.urlopen("http://127.0.0.1:8222/varz")
except url.HTTPError as error: print(error.code)'"""


@pytest.fixture(scope="module")
def installed(bed: Bed) -> Play:
    build_bundles(bed.tree, MORE_SERVERS)
    return bed.play("site.yml", *SERVERS).expect_success()


def knock(bed: Bed, node: str, port: int, *options: str) -> dict[str, str]:
    where = (node_address(node), str(port), str(bed.access / "ca.pem"))
    done = bed.run(*PYTHON, "-m", "tests.hosts.knock", *where, *options)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_a_second_run_changes_nothing(bed: Bed, installed: Play) -> None:
    assert installed.code == 0

    again = bed.play("site.yml", *SERVERS).expect_success()

    assert again.changed == dict.fromkeys(NODES, 0), again.output[-6000:]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("node", NODES)
def test_a_server_speaks_tls_1_3_with_who_trusts_the_cluster_and_nothing_else(bed: Bed, node: str) -> None:
    found = knock(bed, node, CLIENTS)

    assert found["trusting"] == "TLSv1.3"
    assert "PONG" not in found["plain"]
    assert "protocol version" in found["old"].lower().replace("_", " ")
    assert "certificate verify failed" in found["nameless"]


@pytest.mark.usefixtures("installed")
def test_who_goes_on_in_plain_text_at_the_controllers_server_is_on_the_record(bed: Bed) -> None:
    knock(bed, "node1", CLIENTS)

    wait_for(
        "it is on the record", lambda: CONTROL_HOST in [deed["who"] for deed in read_record(bed, "access.connect")]
    )


@pytest.mark.usefixtures("installed")
def test_the_port_between_servers_lets_in_only_who_shows_a_certificate(bed: Bed) -> None:
    found = knock(bed, "node2", ROUTES, "--silent")

    assert "PONG" not in found["plain"]
    assert "certificate required" in found["trusting"].lower().replace("_", " ")
    assert "protocol version" in found["old"].lower().replace("_", " ")


@pytest.mark.usefixtures("installed")
def test_the_monitoring_page_is_encrypted_and_not_to_be_read_otherwise(bed: Bed) -> None:
    assert {node: bed.ssh(node, READ_MONITOR).split() for node in NODES} == {node: ["200", "400"] for node in NODES}


@pytest.mark.usefixtures("installed")
def test_the_operator_is_well_connected_and_goes_nowhere_with_another_authority(bed: Bed, tmp_path: Path) -> None:
    found = bed.bramble("doctor", "--context", "bed", "--json", "--all")
    checks = {each["check"]: each["severity"] for each in map(json.loads, found.stdout.splitlines())}
    assert (checks["tls"], checks["certificate"]) == ("well", "well")

    own = json.loads((bed.state / "config/nats/context/bed.json").read_text())
    other = tmp_path / "other.json"
    other.write_text(json.dumps(own | {"ca": str(create_ca(tmp_path, "bed"))}))
    done = bed.bramble("status", "--context", str(other))

    assert done.returncode != 0
    assert "cannot be trusted" in done.stderr


@pytest.mark.usefixtures("installed")
def test_the_keys_of_servers_are_each_their_own_and_read_by_the_server_alone(bed: Bed) -> None:
    listed = {node: bed.ssh(node, "stat --format='%a %U' /etc/bramble/server.pem").strip() for node in NODES}
    keys = {node: bed.ssh(node, "cat /etc/bramble/server.pem").partition("-----BEGIN PRIVATE")[2] for node in NODES}

    assert listed == dict.fromkeys(NODES, "400 bramble")
    assert all(keys.values())
    assert len(set(keys.values())) == len(NODES)
    here = [path for path in bed.state.rglob("config/**/*") if path.is_file()]
    assert here
    assert [path for path in here if any(key.strip() in path.read_text() for key in keys.values())] == []


@pytest.mark.usefixtures("installed")
def test_switching_encryption_off_is_said_aloud(bed: Bed) -> None:
    play = bed.play(
        "site.yml", *SERVERS, "--check", "--tags", "access,nats_server", "--extra-vars", '{"bramble_tls": false}'
    )

    assert "IN PLAIN TEXT" in play.expect_success().output

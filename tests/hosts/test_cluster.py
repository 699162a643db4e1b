"""Three servers that keep everything three times, on three booted nodes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.base import KINDS, SUITE
from tests.hosts.conftest import MORE_SERVERS, NODES, PYTHON, ROOT, Bed, Play, build_bundles, wait_for
from tests.hosts.meanwhile import play_under_traffic
from tests.hosts.traffic import PICTURE

pytestmark = [pytest.mark.hosts, pytest.mark.thorough, pytest.mark.timeout(900)]

SERVERS = ("--inventory", str(ROOT / "tests/hosts/three_servers.yml"))
TLS = """import json, ssl, urllib.request as url
tls = ssl.create_default_context(cafile="/etc/bramble/ca.pem")
"""
HEALTH = f"""python3 -c '{TLS}print(url.urlopen("https://127.0.0.1:8222/healthz", context=tls).status)'"""
SYNC = f"""python3 -c '{TLS}page = url.urlopen("https://127.0.0.1:8222/jsz?config=1", context=tls)
print(json.load(page)["config"]["sync_always"])'"""
FETCH = ROOT / "roles/observability/files/fetch_debs.py"
FETCH_S = 300
PACKAGES = ("prometheus", "prometheus-alertmanager")
QUERY = """python3 -c 'import sys, urllib.parse as parse, urllib.request as url
print(url.urlopen("http://127.0.0.1:9090/api/v1/query?query=" + parse.quote(sys.argv[1])).read().decode())' '{}'"""
RULES = """python3 -c 'import urllib.request as url; print(url.urlopen("http://127.0.0.1:9090/api/v1/rules").read().decode())'"""
STARTED = "stat --format=%Y.%i /proc/1"


@pytest.fixture(scope="module")
def installed(bed: Bed) -> Play:
    build_bundles(bed.tree, MORE_SERVERS)
    return bed.play("site.yml", *SERVERS).expect_success()


def ask(bed: Bed, subject: str, question: object = None) -> dict[str, Any]:
    words = [json.dumps(question)] if question is not None else []
    done = bed.run(*PYTHON, "-m", "tests.hosts.ask_jetstream", str(bed.access), subject, *words)
    answer: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr}
    return answer


@pytest.mark.usefixtures("installed")
def test_three_servers_keep_everything_three_times(bed: Bed) -> None:
    streams = ask(bed, "STREAM.LIST")["streams"]

    assert {each["config"]["name"] for each in streams} >= {"KV_config", "OBJ_models"}
    assert {each["config"]["name"]: each["config"]["num_replicas"] for each in streams} == {
        each["config"]["name"]: len(NODES) for each in streams
    }


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("node", NODES)
def test_each_running_server_says_that_what_it_acknowledges_is_on_the_disk(bed: Bed, node: str) -> None:
    assert bed.try_ssh(node, SYNC).stdout.strip() == "True"


@pytest.mark.usefixtures("installed")
def test_the_cluster_goes_on_when_the_host_of_its_leading_server_loses_power(bed: Bed) -> None:
    def lead() -> str:
        return str(ask(bed, "STREAM.INFO.KV_config").get("cluster", {}).get("leader"))

    def make_lead() -> bool:  # a server that has only just caught up may decline
        ask(bed, "STREAM.LEADER.STEPDOWN.KV_config", {"placement": {"preferred": "node2"}})
        return lead() == "node2"

    def add_camera() -> bool:
        done = bed.bramble("camera", "add", "yard", "push:", "--model", "mobilenet_v2", "--context", "bed")
        return done.returncode == 0

    wait_for("node2 leads", make_lead)

    bed.order("cut 2")

    wait_for("the servers that are left take a camera", add_camera)
    assert lead() in {"node1", "node3"}
    done = bed.bramble("infer", *[str(PICTURE)] * 10, "--model", "mobilenet_v2", "--context", "bed", "--json")
    assert done.returncode == 0, done.stderr
    assert {json.loads(line)["result"]["nodes"][-1] for line in done.stdout.splitlines()} <= {"node1", "node3"}

    bed.order("boot 2")

    wait_for("node2 has caught up", lambda: bed.try_ssh("node2", HEALTH).stdout.strip() == "200")
    bed.play("playbooks/verify.yml", *SERVERS).expect_success()


@pytest.mark.usefixtures("installed")
def test_hosts_reboot_one_after_the_other_and_no_picture_is_lost(bed: Bed) -> None:
    boots = {node: bed.ssh(node, STARTED) for node in NODES}

    play, meanwhile = play_under_traffic(bed, "playbooks/reboot.yml", *SERVERS)

    play.expect_success()
    meanwhile.expect_nothing_lost()
    assert all(bed.ssh(node, STARTED) != boots[node] for node in NODES)


@pytest.fixture(scope="module")
def debs() -> Path:
    """What a node lacks of Debian's own Prometheus and Alertmanager, fetched while there is a network."""
    into = ROOT / ".cache/debs/bed"
    status = KINDS["amd64"].path / "var/lib/dpkg/status"
    command = ["python3", str(FETCH), f"--status={status}", "--architecture=amd64", f"--suite={SUITE}", f"--out={into}"]
    done = subprocess.run([*command, *PACKAGES], capture_output=True, text=True, timeout=FETCH_S, check=False)
    assert done.returncode == 0, done.stderr
    return into


@pytest.mark.usefixtures("installed")
def test_prometheus_on_a_host_without_a_mirror_scrapes_the_real_controller(bed: Bed, debs: Path) -> None:
    wanted = {"observability_enabled": True, "observability_offline": True, "observability_debs": str(debs),
              "observability_node_exporter": False, "observability_interval": "1s"}  # fmt: skip
    options = (*SERVERS, "--tags", "observability", "--extra-vars", json.dumps(wanted))

    bed.play("site.yml", *options).expect_success()

    def query(expression: str) -> list[str]:
        done = bed.try_ssh("node1", QUERY.format(expression))
        return [each["value"][1] for each in json.loads(done.stdout)["data"]["result"]] if done.returncode == 0 else []

    wait_for("the controller is scraped", lambda: query('up{job="bramble"}') == ["1"])
    wait_for("its nodes are counted", lambda: query("count(bramble_node_up == 1)") == [str(len(NODES))])
    assert "BrambleNoController" in bed.ssh("node1", RULES)
    again = bed.play("site.yml", *options).expect_success()
    assert again.changed == dict.fromkeys(NODES, 0), again.output[-6000:]


@pytest.mark.usefixtures("installed")
def test_three_servers_are_not_made_one_that_would_forget_everything(bed: Bed) -> None:
    play = bed.play("site.yml", "--tags", "nats_server")  # without the other two

    assert play.code != 0
    assert "would not take its streams along" in " ".join(play.output.split())
    assert ask(bed, "STREAM.INFO.KV_config")["config"]["num_replicas"] == len(NODES)

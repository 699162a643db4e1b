"""The playbooks on three bare hosts, over ssh, in the order in which a site meets them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.hosts.conftest import (
    NODES,
    PYTHON,
    ROOT,
    Bed,
    Play,
    build_bundles,
    make_later_release,
    node_address,
    wait_for,
)
from tests.hosts.meanwhile import play_under_traffic, submit_jobs, wait_for_jobs
from tests.hosts.observed import (
    CONNECTIONS,
    collect_secrets,
    find_differences,
    find_live,
    list_users,
    read_record,
    take_snapshot,
    watch_commands,
)
from tests.hosts.traffic import PICTURE

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(900)]

UNITS = ("bramble-agent", "bramble-controller", "bramble-nats")
NOTIFIER = ("--inventory", str(ROOT / "tests/hosts/notifier.yml"))
MAX_EXPOSURE = 2.0
ASSESS = "systemd-analyze security --offline=true --json=short --no-pager /etc/systemd/system/{unit}.service"
POLICY = (
    f"systemd-analyze security --offline=true --threshold={MAX_EXPOSURE * 10:.0f} --no-pager"
    " /etc/systemd/system/{unit}.service"
)
JOBS = 20
ROLLBACK_S = 60
REVOKED_S = 5
# What k3s owns of its host: ports, its part of the control groups, and the kernel's settings.
KERNEL_SIDE = r"""sh -c '
ss -Hltn | awk "{print \$4}" | sort
cat /sys/fs/cgroup/cgroup.subtree_control; ls -d /sys/fs/cgroup/kube*
sysctl --all --pattern "^(vm.swappiness|net.ipv4.ip_forward|net.bridge)"; ls /etc/sysctl.d'"""
NOTHING = dict.fromkeys(NODES, 0)
# What a lone controller's own restart may cost: nobody took a picture, and it is asked about again.
UNTAKEN = {"NoRespondersError"}


@pytest.fixture(scope="module")
def kubernetes(bed: Bed) -> str:
    """What is seen of the ports, control groups and kernel settings of node3, on which k3s is made out to run."""
    bed.ssh("node3", "mkdir -p /etc/rancher/k3s /sys/fs/cgroup/kubepods.slice")
    bed.ssh("node3", "systemd-run --unit=k3s --property=Type=exec python3 -m http.server 6443")
    wait_for("the stand-in for k3s listens", lambda: ":6443" in bed.ssh("node3", KERNEL_SIDE))
    return bed.ssh("node3", KERNEL_SIDE)


@pytest.fixture(scope="module")
def before(bed: Bed, kubernetes: str) -> dict[str, set[str]]:
    assert kubernetes
    return take_snapshot(bed)


@pytest.fixture(scope="module")
def commands_seen() -> set[str]:
    """Every command line that was seen on the hosts and here during the first run."""
    return set()


@pytest.fixture(scope="module")
def installed(bed: Bed, before: dict[str, set[str]], commands_seen: set[str]) -> Play:
    assert set(before) == set(NODES)
    with watch_commands(commands_seen):
        return bed.play("site.yml", "-vvv").expect_success()


def test_a_check_from_zero_runs_through_and_changes_nothing(bed: Bed, before: dict[str, set[str]]) -> None:
    bed.play("site.yml", "--check", "--diff").expect_success()

    assert find_differences(bed, before) == {node: [] for node in NODES}


def test_the_first_run_on_bare_hosts_succeeds(installed: Play) -> None:
    assert all(count > 0 for count in installed.changed.values())


def test_a_second_run_changes_nothing(bed: Bed, installed: Play) -> None:
    assert installed.code == 0

    again = bed.play("site.yml").expect_success()

    assert again.changed == NOTHING, again.output[-6000:]


@pytest.mark.usefixtures("installed")
def test_a_check_afterwards_would_change_nothing(bed: Bed) -> None:
    play = bed.play("site.yml", "--check", "--diff").expect_success()

    assert play.changed == NOTHING, play.output[-6000:]
    assert "\n+++ " not in play.output


@pytest.mark.usefixtures("installed")
def test_one_command_on_the_control_host_has_a_picture_answered(bed: Bed) -> None:
    done = bed.bramble("infer", str(PICTURE), "--model", "mobilenet_v2", "--context", "bed", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["nodes"][0] in NODES


@pytest.mark.usefixtures("installed")
def test_verify_has_every_node_answer_and_changes_nothing(bed: Bed) -> None:
    play = bed.play("playbooks/verify.yml").expect_success()

    assert all(f"{node}: " in play.output for node in NODES)
    assert play.changed == NOTHING


@pytest.mark.usefixtures("installed")
def test_the_real_nats_command_lists_the_service_with_the_operators_context(bed: Bed) -> None:
    command = ROOT / ".tools/bin/nats"
    if not command.exists():
        pytest.skip("the nats command is not built: make nats-cli, which takes Go")

    done = bed.run(str(command), "--context", "bed", "micro", "ls")

    assert done.returncode == 0, done.stderr
    assert "bramble" in done.stdout


@pytest.mark.usefixtures("installed")
def test_every_unit_is_hardly_exposed(bed: Bed) -> None:
    found = {unit: json.loads(bed.ssh("node1", ASSESS.format(unit=unit)) or "[]") for unit in UNITS}

    for unit in UNITS:
        assert found[unit], f"{unit} was not assessed"
        bed.ssh("node1", POLICY.format(unit=unit))


def test_no_secret_is_in_what_a_run_says_or_in_any_command_line(
    bed: Bed, installed: Play, commands_seen: set[str]
) -> None:
    secrets = collect_secrets(bed)

    assert len(secrets) >= 4 + len(NODES)
    assert all(len(secret) >= 40 for secret in secrets)
    assert len(commands_seen) > 100
    assert [secret for secret in secrets if secret in installed.output] == []
    assert [words for words in commands_seen if any(secret in words for secret in secrets)] == []


@pytest.mark.usefixtures("installed")
def test_a_key_is_read_by_nobody_but_its_owner_and_stays_on_its_host(bed: Bed) -> None:
    modes = bed.ssh("node1", "stat --format='%a %U %n' /etc/bramble/agent.nk /etc/bramble/controller.nk")
    seeds = {node: bed.ssh(node, "cat /etc/bramble/agent.nk").strip() for node in NODES}

    assert modes.splitlines() == ["600 root /etc/bramble/agent.nk", "600 root /etc/bramble/controller.nk"]
    readable = bed.ssh("node1", "runuser -u nobody -- sh -c 'cat /etc/bramble/* 2>/dev/null | wc -c'")
    assert readable.strip() == "0"
    assert len(set(seeds.values())) == len(NODES)
    elsewhere = [path for path in bed.state.rglob("config/**/*") if path.is_file()]
    assert elsewhere
    assert [path for path in elsewhere if any(seed in path.read_text() for seed in seeds.values())] == []


@pytest.mark.usefixtures("installed")
def test_beside_kubernetes_ports_control_groups_and_kernel_settings_are_left_alone(bed: Bed, kubernetes: str) -> None:
    assert ":6443" in kubernetes
    assert "kubepods.slice" in kubernetes
    assert bed.ssh("node3", KERNEL_SIDE) == kubernetes


@pytest.mark.thorough
@pytest.mark.usefixtures("installed")
def test_a_node_whose_key_is_revoked_is_out_within_seconds_and_comes_back_with_a_new_one(bed: Bed) -> None:
    with bed.follow("node1", CONNECTIONS.format(address=node_address("node3"))) as connections:
        assert next(connections) == "there"
        revoked = bed.bramble("access", "revoke", "node3", "--access", str(bed.access))
        assert revoked.returncode == 0, revoked.stderr
        gone = float(next(connections))

    [decided] = [user["revoked_at"] for user in list_users(bed) if user["name"] == "node3"]
    assert gone - decided <= REVOKED_S
    wait_for("node3 is not live", lambda: find_live(bed) == {"node1", "node2"})
    again = bed.play("site.yml", "--tags", "access")
    assert again.code != 0
    assert "the key of node3 was revoked" in again.output
    refused = [deed for deed in read_record(bed, "access.connect") if deed["who"] == node_address("node3")]
    assert {deed["outcome"] for deed in refused} == {"refused"}

    bed.play("playbooks/rotate.yml", "--limit", "node3").expect_success()

    wait_for("node3 is live again", lambda: find_live(bed) == set(NODES))


@pytest.mark.thorough
@pytest.mark.usefixtures("installed")
def test_keys_are_changed_under_a_stream_of_pictures_and_the_old_ones_are_refused(bed: Bed) -> None:
    old = {node: bed.ssh(node, "cat /etc/bramble/agent.nk") for node in NODES}
    certificate = read_certificate(bed)

    play, meanwhile = play_under_traffic(bed, "playbooks/rotate.yml")

    play.expect_success()
    meanwhile.expect_nothing_lost()
    assert meanwhile.fewest_serving == len(NODES) - 1
    assert all(bed.ssh(node, "cat /etc/bramble/agent.nk") != old[node] for node in NODES)
    assert read_certificate(bed) != certificate
    good = [user["name"] for user in list_users(bed) if not user["revoked_at"]]
    assert all(good.count(node) == 1 for node in NODES)


def read_certificate(bed: Bed) -> str:
    """Return the certificate that the server shows."""
    shown = 'import ssl; print(ssl.get_server_certificate(("127.0.0.1", 8222)))'
    return bed.ssh("node1", f"python3 -c '{shown}'")


@pytest.mark.thorough
@pytest.mark.usefixtures("installed")
def test_cameras_are_added_changed_and_removed_as_they_are_declared(bed: Bed) -> None:
    def declare(*cameras: dict[str, object]) -> int:
        variables = json.dumps({"models_cameras": cameras, "models_remove_others": True})
        play = bed.play("playbooks/site.yml", "--tags", "models", "--extra-vars", variables).expect_success()
        return play.changed["node1"]

    door: dict[str, object] = {"camera": "door", "url": "push:", "models": ["mobilenet_v2"]}

    assert declare(door) == 1
    assert declare(door) == 0
    assert declare(door | {"fps": 2}) == 1
    assert declare() == 1
    assert bed.bramble("camera", "list", "--context", "bed", "--json").stdout == ""


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("breakage", "options", "reason"),
    [
        pytest.param("raise RuntimeError('broken on purpose')", (), "broken on purpose", id="crashes"),
        pytest.param(
            "await asyncio.Event().wait()",
            ("--extra-vars", "edge_agent_gate_s=12"),
            "Timed out",
            id="hangs",
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_a_broken_release_goes_back_at_the_first_node_names_it_and_costs_no_picture_and_no_job(
    bed: Bed, tmp_path: Path, breakage: str, options: tuple[str, ...], reason: str
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(bed.tree, tree)
    agent = tree / "edge_agent/agent.py"
    agent.write_text(
        f"{agent.read_text()}\n\nasync def run_agent(settings: Settings, book: Logbook) -> None:\n    {breakage}\n"
    )
    build_bundles(tree)
    good = find_releases(bed)

    play, meanwhile = play_under_traffic(bed, "playbooks/upgrade.yml", *options, tree=tree)

    assert play.code != 0
    said = " ".join(play.output.split())
    told = re.search(r"node1 went back to \S+ after (\d+) s, because (.*)", said)
    assert told, play.output[-6000:]
    assert int(told[1]) <= ROLLBACK_S
    assert reason in told[2]
    assert "node2 went back" not in said
    assert find_releases(bed) == good
    noted = read_record(bed, "deploy.rollback")[-1]
    assert noted["target"] == "node1"
    assert good["node1"] in noted["detail"]
    meanwhile.expect_nothing_lost()
    assert meanwhile.fewest_serving == len(NODES) - 1
    assert meanwhile.again == {}  # the controller was not touched
    bed.play("playbooks/verify.yml").expect_success()


@pytest.mark.usefixtures("installed")
def test_an_upgrade_under_pictures_and_jobs_loses_none_and_takes_one_node_at_a_time(bed: Bed, tmp_path: Path) -> None:
    tree = make_later_release(bed, tmp_path, "A later release.")
    old = find_releases(bed)

    play, meanwhile = play_under_traffic(bed, "playbooks/upgrade.yml", tree=tree)

    play.expect_success()
    meanwhile.expect_nothing_lost()
    assert meanwhile.fewest_serving == len(NODES) - 1
    assert set(meanwhile.answered) == set(NODES)
    assert meanwhile.again.keys() <= UNTAKEN
    new = find_releases(bed)
    assert all(new[node] != old[node] for node in NODES)
    assert find_noted(bed) == new


@pytest.mark.thorough
@pytest.mark.usefixtures("installed")
def test_a_deployment_puts_the_programs_on_every_host_and_on_the_record_once(bed: Bed, tmp_path: Path) -> None:
    tree = make_later_release(bed, tmp_path, "A deployed release.")
    old = find_releases(bed)

    first = bed.play("playbooks/deploy.yml", tree=tree).expect_success()

    new = find_releases(bed)
    assert all(new[node] != old[node] for node in NODES)
    assert all(count > 0 for count in first.changed.values())
    assert find_noted(bed) == new
    noted = len(read_record(bed, "deploy.release"))

    again = bed.play("playbooks/deploy.yml", tree=tree).expect_success()

    assert again.changed == NOTHING, again.output[-6000:]
    assert len(read_record(bed, "deploy.release")) == noted


def find_releases(bed: Bed) -> dict[str, str]:
    """Return which release each node runs."""
    return {node: Path(bed.ssh(node, "readlink /opt/bramble/current").strip()).name for node in NODES}


def find_noted(bed: Bed) -> dict[str, str]:
    """Return which release each node runs, as the record has it."""
    return {deed["target"]: deed["detail"] for deed in read_record(bed, "deploy.release")}


@pytest.mark.thorough
@pytest.mark.usefixtures("installed")
def test_the_notifier_tells_of_a_node_that_does_not_answer_any_more(bed: Bed) -> None:
    build_bundles(bed.tree, ["x86_64-cp311-agent+broker+controller+notify"])

    play = bed.play("site.yml", *NOTIFIER, "-vvv").expect_success()

    token = bed.ssh("node1", "grep ^token /etc/bramble/notify.toml").split('"')[1]
    assert len(token) >= 40
    assert token not in play.output
    bed.ssh("node1", POLICY.format(unit="bramble-notify"))
    with bed.listen(*PYTHON, "-m", "tests.hosts.catch_notices", "8099") as notices:
        assert next(notices) == "listening"
        bed.ssh("node3", "systemctl kill --signal=STOP bramble-agent")
        told = next(notice for notice in map(json.loads, notices) if notice["about"] == "node node3")

    assert (told["kind"], told["state"], told["severity"]) == ("trouble", "raised", "broken")
    bed.ssh("node3", "systemctl kill --signal=KILL bramble-agent")
    wait_for("node3 is live again", lambda: find_live(bed) == set(NODES))


@pytest.mark.usefixtures("installed")
def test_a_backup_brings_back_what_a_reset_has_deleted(bed: Bed, before: dict[str, set[str]], tmp_path: Path) -> None:
    added = bed.bramble("camera", "add", "yard", "push:", "--model", "mobilenet_v2", "--context", "bed")
    assert added.returncode == 0, added.stderr
    for node in NODES:
        bed.ssh(node, "systemctl stop bramble-agent")
    submit_jobs(bed, "night", range(JOBS))
    secrets = collect_secrets(bed)
    where = ("--extra-vars", json.dumps({"backup_dir": str(tmp_path / "backup")}))

    bed.play("playbooks/backup.yml", *where).expect_success()
    bed.play("playbooks/reset.yml", "--extra-vars", "reset_confirm=yes").expect_success()

    assert find_differences(bed, before) == {node: [] for node in NODES}

    bed.play("site.yml").expect_success()
    bed.play("playbooks/restore.yml", *where).expect_success()

    assert collect_secrets(bed) == secrets
    cameras = bed.bramble("camera", "list", "--context", "bed", "--json").stdout
    assert [json.loads(line)["camera"] for line in cameras.splitlines()] == ["yard"]
    assert wait_for_jobs(bed, "night", JOBS) == {"done": JOBS}

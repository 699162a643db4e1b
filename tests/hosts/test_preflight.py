"""Hosts that cannot carry Bramble are told so, with the remedy, before anything on them is touched."""

from __future__ import annotations

import json
import re
from pathlib import Path
from shlex import quote

import pytest

from tests.hosts.conftest import NODES, Bed, Play, wait_for
from tests.hosts.observed import find_differences, take_snapshot

pytestmark = [pytest.mark.hosts, pytest.mark.thorough, pytest.mark.timeout(300)]

FIRMWARE = Path(__file__).with_name("vcgencmd.sh")
# Asked for more than these nodes have; what they have is really measured.
GREEDY = {
    "node_base_max_clock_skew_s": 0,
    "node_base_min_memory_mib": 1 << 30,
    "node_base_min_disk_mib": 1 << 40,
    "node_base_fsync_warn_ms": 0,
    "node_base_fsync_refuse_ms": 0,
}


def survey(bed: Bed, *options: str) -> Play:
    return bed.play("site.yml", "--tags", "preflight", *options)


def read_refusals(play: Play, node: str) -> dict[str, str]:
    """Return why a node was refused, by subject."""
    said = " ".join(play.output.split())
    [own] = re.findall(rf"fatal: \[{node}\]: FAILED! => (.*?)(?= fatal: | \[ERROR\]| TASK \[| PLAY |$)", said)
    return dict(re.findall(r"- ['\"]?(\w+): (.*?)(?= - ['\"]?\w+: |$)", own))


def test_hosts_that_lack_something_are_refused_with_the_remedy_and_left_alone(bed: Bed) -> None:
    before = take_snapshot(bed)
    bed.ssh("node1", "systemd-run --unit=stranger --property=Type=exec python3 -m http.server 4222")
    wait_for("somebody else has the port", lambda: ":4222" in bed.ssh("node1", "ss -Hltn"))

    play = survey(bed, "--extra-vars", json.dumps(GREEDY))

    assert play.code != 0
    first, third = read_refusals(play, "node1"), read_refusals(play, "node3")
    assert set(first) == {"clock", "memory", "disk", "port", "fsync"}
    assert set(third) == {"clock", "memory", "disk"}  # it keeps no store and opens no port
    assert "timedatectl set-ntp true" in first["clock"]
    assert "a board with more memory" in first["memory"]
    assert "mount a disk at" in first["disk"]
    assert "TCP port 4222 is taken by stranger.service" in first["port"]
    assert "stop that service" in first["port"]
    assert "put the store on a USB SSD" in first["fsync"]
    bed.ssh("node1", "systemctl stop stranger")
    assert find_differences(bed, before) == {node: [] for node in NODES}


def test_an_inventory_that_makes_no_cluster_is_refused_before_any_host_is_touched(bed: Bed, tmp_path: Path) -> None:
    before = take_snapshot(bed)
    two = tmp_path / "two.yml"
    two.write_text("bramble: {children: {brokers: {hosts: {node2: }}}}\n")

    play = bed.play("site.yml", "--inventory", str(two))

    assert play.code != 0
    assert "There are 2 hosts in brokers" in " ".join(play.output.split())
    assert find_differences(bed, before) == {node: [] for node in NODES}


def test_a_32_bit_host_is_refused_with_the_reason(bed: Bed) -> None:
    """The kernel itself tells everything under sshd that the machine is a 32-bit one."""
    bed.ssh("node2", "mkdir -p /run/systemd/system/ssh.service.d")
    bed.ssh("node2", "sh -c 'printf \"[Service]\\nPersonality=x86\\n\" > /run/systemd/system/ssh.service.d/32.conf'")
    bed.ssh("node2", "sh -c 'systemctl daemon-reload && systemctl restart ssh'")
    assert bed.ssh("node2", "uname -m").strip() == "i686"

    play = survey(bed, "--limit", "node2", "--ssh-extra-args=-o ControlPath=none")  # under the new sshd, not an old one

    assert play.code != 0
    assert "the inference runtime has no wheel for 32-bit" in read_refusals(play, "node2")["architecture"]
    bed.ssh(
        "node2", "sh -c 'rm -r /run/systemd/system/ssh.service.d && systemctl daemon-reload && systemctl restart ssh'"
    )


def test_under_voltage_and_a_slow_disk_are_told_but_no_reason_to_refuse(bed: Bed) -> None:
    writing = f"printf %s {quote(FIRMWARE.read_text())} > /usr/local/bin/vcgencmd"
    bed.ssh("node1", f"sh -c {quote(writing)}")
    bed.ssh("node1", "chmod 755 /usr/local/bin/vcgencmd")

    play = survey(bed, "--extra-vars", json.dumps({"node_base_fsync_warn_ms": 0})).expect_success()

    said = " ".join(play.output.split())
    assert "power: under-voltage. Remedy: use the board" in said
    assert "power: under-voltage since boot" in said
    assert "fsync: making a write durable takes" in said
    bed.ssh("node1", "rm /usr/local/bin/vcgencmd")

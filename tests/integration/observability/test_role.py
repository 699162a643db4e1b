"""What the role writes, rendered by ansible and read by the programs it is for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.hosts.conftest import find_ansible
from tests.observability_testing.servers import find_server

ROLE = ROOT / "roles/observability"
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: [{role}/defaults/main.yml]
  tasks:
    - ansible.builtin.template:
        src: "{role}/templates/{{{{ item }}}}.j2"
        dest: "{out}/{{{{ item }}}}"
        mode: "0600"
      loop: [prometheus.yml, alertmanager.yml]
"""


@pytest.mark.parametrize(
    "settings", [{}, {"observability_webhook": "http://127.0.0.1/x", "observability_node_exporter": False}]
)
def test_the_rendered_configurations_are_valid(tmp_path: Path, settings: dict[str, object]) -> None:
    play = tmp_path / "play.yml"
    play.write_text(PLAY.format(role=ROLE, out=tmp_path))
    command = [find_ansible(), play, "--extra-vars", json.dumps({"ansible_managed": "a test", **settings})]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    prometheus = tmp_path / "prometheus.yml"
    rules = ROLE / "files/bramble-rules.yml"
    prometheus.write_text(prometheus.read_text().replace("/etc/prometheus/bramble-rules.yml", str(rules)))

    for check in (
        [find_server("promtool"), "check", "config", prometheus],
        [find_server("amtool"), "check-config", tmp_path / "alertmanager.yml"],
    ):
        checked = subprocess.run(check, capture_output=True, text=True, check=False, timeout=30)
        assert checked.returncode == 0, checked.stdout + checked.stderr

"""Which Edge TPU runtime is let onto a host, by ansible itself; no Coral is needed for that."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.conftest import ROOT, find_ansible

MACHINE = {"aarch64": "arm64", "x86_64": "amd64"}
PACKAGE = b"what its publisher made"
GOOD = hashlib.sha256(PACKAGE).hexdigest()
OTHER = hashlib.sha256(b"what somebody else made").hexdigest()


def look_at(directory: Path, named: list[str]) -> subprocess.CompletedProcess[str]:
    """Have the role's preflight look at a directory with packages of both processors; say which it would install."""
    packages = directory / "coral"
    packages.mkdir()
    for machine in MACHINE.values():
        (packages / f"libedgetpu1-std_16.0_{machine}.deb").write_bytes(PACKAGE)
        (packages / f"libedgetpu1-max_16.0_{machine}.deb").write_bytes(b"what somebody else made, too")
    play = directory / "play.yml"
    play.write_text(
        "- hosts: localhost\n  gather_subset: ['!all', min]\n  tasks:\n"
        f"    - ansible.builtin.include_role: {{name: {ROOT / 'roles/accelerator'}, tasks_from: preflight.yml}}\n"
        f"    - ansible.builtin.include_vars: {ROOT / 'roles/accelerator/vars/main.yml'}\n"
        "    - ansible.builtin.debug: {msg: 'would install {{ _accelerator_named }}'}\n"
    )
    settings = {
        "accelerator_kind": "coral",
        "accelerator_packages": str(packages),
        "accelerator_package_sha256": named,
        "ansible_python_interpreter": sys.executable,
    }
    command = [find_ansible(), play, "--extra-vars", json.dumps(settings)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)


def test_the_one_package_for_this_processor_that_the_inventory_names_is_taken(tmp_path: Path) -> None:
    done = look_at(tmp_path, [OTHER, GOOD])

    assert done.returncode == 0, done.stdout
    machine = MACHINE[subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()]
    assert f"would install ['{tmp_path}/coral/libedgetpu1-std_16.0_{machine}.deb']" in " ".join(done.stdout.split())


@pytest.mark.parametrize("named", [[OTHER], []])
def test_a_package_that_nobody_vouched_for_is_refused_before_it_leaves_the_control_host(
    tmp_path: Path, named: list[str]
) -> None:
    done = look_at(tmp_path, named)

    said = " ".join(done.stdout.split())
    assert done.returncode == 2
    assert f"with SHA-256 {GOOD}" in said
    assert f"accelerator_package_sha256 names {OTHER if named else 'none'}." in said
    assert "would install" not in said

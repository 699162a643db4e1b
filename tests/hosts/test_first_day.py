"""A stranger's first day: the pages' own commands and the example's own files, word for word, on three bare hosts."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.hosts.conftest import ROOT, Bed, Play, build_bundles
from tests.hosts.stranger import HOSTS, PAGE, Stranger, copy_tree, fill_in, read_commands
from tests.hosts.traffic import PICTURE

pytestmark = [pytest.mark.hosts, pytest.mark.thorough, pytest.mark.timeout(900)]

NOTHING = dict.fromkeys(HOSTS, 0)
MAKE_OPS = """sh -c '
useradd --create-home --shell /bin/sh ops && echo ops:right | chpasswd && echo "ops ALL=(ALL) ALL" > /etc/sudoers.d/ops
cp -r /home/pi/.ssh /home/ops/ && chown -R ops:ops /home/ops/.ssh'"""


@pytest.fixture(scope="module")
def stranger(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    tree = copy_tree(tmp_path_factory.mktemp("stranger") / "bramble")
    build_bundles(tree)  # while there is a network
    for name in (".venv", ".tools", ".cache"):
        (tree / name).symlink_to(ROOT / name)
    shutil.copy(PICTURE, tree / "cat.jpg")
    return Stranger(bed, tree)


@pytest.fixture(scope="module")
def commands() -> dict[str, str]:
    """The page's first commands by what they begin with."""
    keys = ("enter", "copy", "site", "nodes", "verify", "services", "ask")
    return dict(zip(keys, read_commands(PAGE, "From bare hosts"), strict=True))


@pytest.fixture(scope="module")
def installed(stranger: Stranger, commands: dict[str, str]) -> Play:
    copied = stranger.type(commands["copy"])
    assert copied.code == 0, copied.output
    fill_in(stranger.at / "inventory/mine")
    return stranger.type(commands["enter"], commands["site"]).expect_success()


def test_the_first_run_succeeds_and_the_same_again_changes_nothing(
    stranger: Stranger, commands: dict[str, str], installed: Play
) -> None:
    assert set(installed.changed) >= set(HOSTS)
    assert all(installed.changed[host] > 0 for host in HOSTS)

    again = stranger.type(commands["enter"], commands["site"]).expect_success()

    assert {host: again.changed[host] for host in HOSTS} == NOTHING, again.output[-6000:]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("what", "answer"),
    [
        pytest.param("nodes", HOSTS, id="nodes"),
        pytest.param("verify", [f"{host}: " for host in HOSTS], id="verify"),
        pytest.param("services", ["bramble"], id="services"),
        pytest.param("ask", ['"classes"'], id="ask"),
    ],
)
def test_each_command_of_the_page_is_answered(
    stranger: Stranger, commands: dict[str, str], what: str, answer: list[str]
) -> None:
    done = stranger.type(commands["enter"], commands[what])

    assert done.code == 0, done.output
    assert [word for word in answer if word not in done.output] == [], done.output


@pytest.mark.usefixtures("installed")
def test_the_context_may_stand_before_or_after_the_subcommand(stranger: Stranger, commands: dict[str, str]) -> None:
    assert commands["nodes"] == "bramble --context workshop nodes"

    done = stranger.type(commands["enter"], "bramble nodes --context workshop --json")

    assert {json.loads(line)["node"] for line in done.output.splitlines()} == set(HOSTS)


@pytest.mark.usefixtures("installed")
def test_one_host_alone_is_brought_up_to_date_with_limit(stranger: Stranger, commands: dict[str, str]) -> None:
    changing = "--extra-vars edge_agent_log_level=warning --limit pi-2"

    play = stranger.type(commands["enter"], f"{commands['site']} {changing}").expect_success()

    assert play.changed["pi-2"] > 0
    assert not {"pi-1", "pi-3"} & play.changed.keys()
    back = stranger.type(commands["enter"], f"{commands['site']} --limit pi-2").expect_success()
    assert back.changed["pi-2"] > 0
    stranger.type(commands["enter"], commands["verify"]).expect_success()


@pytest.mark.usefixtures("installed")
def test_a_host_that_is_off_is_named_and_the_others_go_on(
    bed: Bed, stranger: Stranger, commands: dict[str, str]
) -> None:
    bed.order("cut 3")

    play = stranger.type(
        commands["enter"], "export ANSIBLE_TIMEOUT=2", f"{commands['site']} --extra-vars edge_agent_log_level=warning"
    )

    said = " ".join(play.output.split())
    assert play.code != 0
    assert "Left out, for the reason above: pi-3. The others go on." in said
    assert play.changed["pi-1"] > 0 < play.changed["pi-2"]
    assert "Put on the record what runs now" in said
    bed.order("boot 3")
    stranger.type(commands["enter"], commands["site"]).expect_success()


@pytest.mark.usefixtures("installed")
def test_a_host_that_dies_on_the_way_keeps_the_others_from_nothing(
    bed: Bed, stranger: Stranger, commands: dict[str, str]
) -> None:
    def cut(line: str) -> None:
        if line.startswith("PLAY [Bring up the controllers]"):
            bed.order("cut 3")

    play = stranger.watch(cut, commands["enter"], f"{commands['site']} --extra-vars edge_agent_log_level=debug")

    assert play.code != 0
    assert re.search(r"^fatal: \[pi-3\]: UNREACHABLE!", play.output, re.MULTILINE)
    assert re.search(r"^pi-2 .* unreachable=0 +failed=0", play.output, re.MULTILINE)
    assert play.changed["pi-2"] > 0
    assert "Put on the record what runs now" in play.output
    bed.order("boot 3")
    stranger.type(commands["enter"], commands["site"]).expect_success()


@pytest.mark.usefixtures("installed")
def test_without_its_only_server_a_run_ends_before_anything_else_and_says_why(
    bed: Bed, stranger: Stranger, commands: dict[str, str]
) -> None:
    bed.order("cut 1")

    play = stranger.type(commands["enter"], "export ANSIBLE_TIMEOUT=2", commands["site"])

    said = " ".join(play.output.split())
    assert play.code != 0
    assert "The rest needs every server and one controller: pi-1 failed above." in said
    assert "TASK [edge_agent" not in said
    bed.order("boot 1")
    stranger.type(commands["enter"], commands["verify"]).expect_success()


@pytest.mark.usefixtures("installed")
def test_a_wrong_sudo_password_is_called_so_and_stops_that_host_alone(
    bed: Bed, stranger: Stranger, commands: dict[str, str]
) -> None:
    bed.ssh("node2", MAKE_OPS)
    own = stranger.at / "inventory/mine/host_vars/pi-2.yml"
    own.write_text("---\nansible_user: ops\n")
    survey = f"{commands['site']} --tags preflight --extra-vars ansible_become_password="

    wrong = stranger.type(commands["enter"], survey + "wrong")
    right = stranger.type(commands["enter"], survey + "right")

    own.unlink()
    bed.ssh("node2", "sh -c 'userdel --force --remove ops; rm /etc/sudoers.d/ops'")
    assert wrong.code != 0
    assert "Incorrect sudo password" in wrong.output
    assert "Left out, for the reason above: pi-2." in " ".join(wrong.output.split())
    right.expect_success()

"""A stranger's first day: the pages' own commands and the example's own files, word for word, on three bare hosts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.hosts.conftest import NODES, ROOT, STOP_S, Bed, Play, build_bundles, node_address, read_play
from tests.hosts.traffic import PICTURE

pytestmark = [pytest.mark.hosts, pytest.mark.thorough, pytest.mark.timeout(900)]

PAGE = ROOT / "docs/provision.md"
HOSTS = ("pi-1", "pi-2", "pi-3")
ADDRESSES = {f"10.0.0.{10 + number}": node_address(f"node{number}") for number in range(1, len(NODES) + 1)}
NOTHING = dict.fromkeys(HOSTS, 0)
MAKE_OPS = """sh -c '
useradd --create-home --shell /bin/sh ops && echo ops:right | chpasswd && echo "ops ALL=(ALL) ALL" > /etc/sudoers.d/ops
cp -r /home/pi/.ssh /home/ops/ && chown -R ops:ops /home/ops/.ssh'"""
COLLECTION = "ansible_collections/bramble_edge/bramble"


def read_commands(page: Path) -> list[str]:
    """Return the commands that a page's reader is told to type, in order, without what is said beside them."""
    blocks = re.findall(r"^```console$(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    typed = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [re.sub(r"\s+# .*", "", line) for line in typed]


def copy_tree(to: Path) -> Path:
    """Copy what somebody has who fetched the sources."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


class Stranger:
    """Somebody at the control host who has the tree, `make ansible` behind them, and the way to their hosts by ssh."""

    def __init__(self, bed: Bed, tree: Path) -> None:
        self._bed, self.tree = bed, tree

    def type(self, *commands: str, at: Path | None = None, within: float = 600.0) -> Play:
        """Type commands into one shell; it ends at the first that fails."""
        return read_play(self._bed.run(*self._shell(commands), within=within, cwd=at or self.tree))

    def watch(self, look: Callable[[str], None], *commands: str) -> Play:
        """Type commands, and look at each line that is printed."""
        with self._bed.start(*self._shell(commands), cwd=self.tree) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                look(line)
            code = process.wait(STOP_S)
        return read_play(subprocess.CompletedProcess(commands, code, "".join(lines), ""))

    def _shell(self, commands: Sequence[str]) -> tuple[str, ...]:
        own = {
            "ANSIBLE_PRIVATE_KEY_FILE": str(self._bed.state / "id"),
            "ANSIBLE_SSH_COMMON_ARGS": f"-o UserKnownHostsFile={self._bed.state / 'known_hosts'}",
        }
        return ("env", *(f"{name}={value}" for name, value in own.items()), "sh", "-ec", "\n".join(commands))


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
    return dict(zip(keys, read_commands(PAGE), strict=False))


@pytest.fixture(scope="module")
def installed(stranger: Stranger, commands: dict[str, str]) -> Play:
    copied = stranger.type(commands["copy"])
    assert copied.code == 0, copied.output
    hosts = stranger.tree / "inventory/mine/hosts.yml"
    text = hosts.read_text()
    for theirs, mine in ADDRESSES.items():
        assert theirs in text
        text = text.replace(theirs, mine)
    hosts.write_text(text)
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
    own = stranger.tree / "inventory/mine/host_vars/pi-2.yml"
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


@pytest.fixture(scope="module")
def collection(stranger: Stranger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of an empty control host into which the collection was installed."""
    home = tmp_path_factory.mktemp("home")
    built = stranger.type(
        f"ansible-galaxy collection build --output-path {home} {stranger.tree}",
        f"ansible-galaxy collection install --offline --collections-path {home / 'collections'} {home}/*.tar.gz",
    )
    assert built.code == 0, built.output
    return home


@pytest.mark.usefixtures("installed")
def test_the_collection_says_what_it_lacks_where_its_programs_are_not_installed(
    stranger: Stranger, collection: Path
) -> None:
    play = run_collection(stranger, collection, "site", "--check")

    assert play.code != 0
    said = " ".join(play.output.split())
    assert f"Remedy: `make ansible` in {collection / 'collections' / COLLECTION}, or set bramble_python" in said


def run_collection(stranger: Stranger, collection: Path, book: str, *options: str) -> Play:
    """Run one of the collection's playbooks from a directory that has nothing to do with it."""
    command = f"ansible-playbook -i {stranger.tree}/inventory/mine bramble_edge.bramble.{book} {' '.join(options)}"
    return stranger.type(
        f"export ANSIBLE_COLLECTIONS_PATH={collection / 'collections'} ANSIBLE_CALLBACK_RESULT_FORMAT=yaml",
        command, at=collection,
    )  # fmt: skip
